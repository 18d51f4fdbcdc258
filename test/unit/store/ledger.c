/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger/ledger.h"

#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "store/ledger/schema.h"

static struct ledger *ledger;

static int start(void **state)
{
	static char folder[] = "/tmp/siegel-ledger-XXXXXX";
	*state = folder;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	check_err("open", ledger_open(NULL, &ledger), ERR_NONE);
	return 0;
}

static int end(void **state)
{
	ledger_close(&ledger);
	ledger_close(&ledger);
	unlink("ledger.db");
	assert_int_equal(chdir("/"), 0);
	return rmdir(*state);
}

static void operations_test(void **state)
{
	struct sql *sql;
	(void)state;
	check_err("open", sql_open("other.db", &ledger_store, SQL_ALONE, NULL, &sql), ERR_NONE);
	check_err("all", sql_prepare_all(sql), ERR_NONE);
	sql_close(&sql);
	unlink("other.db");
}

static void keep_test(void **state)
{
	struct ledger_policy p = { S("a.test"), S("1"), S("mx.a.test\n*.b.test\n"), 2, 86400, 1000 }, found;
	(void)state;
	check_err("nothing yet", ledger_policy_find(ledger, S("a.test"), &found), ERR_ABSENT);
	check_err("keep", ledger_policy_keep(ledger, &p, 1000), ERR_NONE);
	p.id = S("2");
	p.patterns = S("");
	p.fetched = 2000;
	check_err("keep the next", ledger_policy_keep(ledger, &p, 2000), ERR_NONE);
	p = (struct ledger_policy){ S("b.test"), S("x"), S("mx.b.test\n"), 1, 60, 5000 };
	check_err("keep another", ledger_policy_keep(ledger, &p, 5000), ERR_NONE);
	ledger_close(&ledger);
	check_err("open again", ledger_open(NULL, &ledger), ERR_NONE);
	check_err("find", ledger_policy_find(ledger, S("a.test"), &found), ERR_NONE);
	check_str("id", found.id, S("2"));
	check_str("patterns", found.patterns, S(""));
	assert_true(found.mode == 2 && found.max_age == 86400 && found.fetched == 2000);
	check_err("find the other", ledger_policy_find(ledger, S("b.test"), &found), ERR_NONE);
	check_str("patterns", found.patterns, S("mx.b.test\n"));
	check_err("exactly that name", ledger_policy_find(ledger, S("B.test"), &found), ERR_ABSENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_test),
		cmocka_unit_test(keep_test),
	};
	return cmocka_run_group_tests(tests, start, end);
}
