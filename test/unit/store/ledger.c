/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "store/ledger/inside.h"

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

/* ---- how TLS went ---- */

static struct seen {
	char text[4000];
	size_t lines;
} seen;

static void see(void *to, const struct ledger_result *r)
{
	struct seen *s = to;
	size_t n = strlen(s->text);
	s->lines++;
	snprintf(s->text + n, sizeof s->text - n, "%d %.*s %.*s %.*s[%.*s]%.*s %.*s %.*s %.*s %.*s %.*s %d;",
		(int)r->day, ARG(r->domain), ARG(r->kind), ARG(r->text), ARG(r->hosts), ARG(r->type), ARG(r->host),
		ARG(r->helo), ARG(r->address), ARG(r->local), ARG(r->reason), (int)r->count);
}

static const char *all(const char *domain)
{
	int64_t number = 0;
	err e;
	seen = (struct seen){ .lines = 0 };
	while (!failed(e = ledger_result_next(ledger, str_of(domain), &number, see, &seen)))
		;
	check_err("the end", e, ERR_ABSENT);
	return seen.text;
}

static void results_test(void **state)
{
	struct ledger_result r = { .day = 100,
		.domain = S("a.test"),
		.kind = S("sts"),
		.text = S("mode: enforce"),
		.hosts = S("mx"),
		.type = S(""),
		.count = 2 };
	(void)state;
	check_err("success", ledger_result_add(ledger, &r, 100), ERR_NONE);
	check_err("and more", ledger_result_add(ledger, &r, 100), ERR_NONE);
	r.type = S("certificate-expired");
	r.host = S("mx");
	r.helo = S("me");
	r.address = S("192.0.2.1");
	r.local = S("192.0.2.2");
	r.reason = S("old");
	check_err("failure", ledger_result_add(ledger, &r, 100), ERR_NONE);
	r.local = S("192.0.2.3");
	check_err("from another address of ours", ledger_result_add(ledger, &r, 100), ERR_NONE);
	r.local = S("192.0.2.2");
	r.text = S("mode: testing");
	check_err("another policy", ledger_result_add(ledger, &r, 100), ERR_NONE);
	r.domain = S("b.test");
	r.day = 101;
	check_err("another domain", ledger_result_add(ledger, &r, 101), ERR_NONE);
	check_str("one domain", str_of(all("b.test")),
		S("101 b.test sts mode: testing[mx]certificate-expired mx me 192.0.2.1 192.0.2.2 old 2;"));
	check_str("all", str_of(all("")),
		S("100 a.test sts mode: enforce[mx]      4;"
		  "100 a.test sts mode: enforce[mx]certificate-expired mx me 192.0.2.1 192.0.2.2 old 2;"
		  "100 a.test sts mode: enforce[mx]certificate-expired mx me 192.0.2.1 192.0.2.3 old 2;"
		  "100 a.test sts mode: testing[mx]certificate-expired mx me 192.0.2.1 192.0.2.2 old 2;"
		  "101 b.test sts mode: testing[mx]certificate-expired mx me 192.0.2.1 192.0.2.2 old 2;"));
	r.day = 100 + LEDGER_RESULT_DAYS + 1;
	check_err("later", ledger_result_add(ledger, &r, r.day), ERR_NONE);
	check_str("a week is over", str_of(all("a.test")), S(""));
	all("");
	assert_int_equal(seen.lines, 2);
}

/* Whoever has a thousand kinds of failure is told of a hundred, and of how many there were. */
static void bounds_test(void **state)
{
	char reason[20];
	struct ledger_result r = { .day = 200,
		.domain = S("c.test"),
		.kind = S("none"),
		.text = S(""),
		.hosts = S(""),
		.type = S("validation-failure"),
		.host = S("mx"),
		.helo = S(""),
		.address = S(""),
		.local = S(""),
		.count = 1 };
	(void)state;
	for (int i = 0; i < 3 * LEDGER_KINDS_MAX; i++) {
		snprintf(reason, sizeof reason, "%d", i);
		r.reason = str_of(reason);
		check_err("failure", ledger_result_add(ledger, &r, 200), ERR_NONE);
	}
	all("c.test");
	assert_int_equal(seen.lines, LEDGER_KINDS_MAX + 1);
	assert_non_null(strstr(seen.text, "200 c.test none []validation-failure      200;"));
}

/* However many domains fail in however many ways: beyond a bound each has a row for each type. */
static void bound_of_all_test(void **state)
{
	struct ledger_result r = { .day = 300,
		.domain = S("d.test"),
		.kind = S("sts"),
		.text = S(""),
		.hosts = S(""),
		.type = S("sts-policy-invalid"),
		.host = S(""),
		.helo = S(""),
		.address = S(""),
		.local = S(""),
		.reason = S("first"),
		.count = 1 };
	(void)state;
	check_err("counts what there is", ledger_result_add(ledger, &r, 300), ERR_NONE);
	assert_true(ledger->counted && ledger->kinds == 1);
	ledger->kinds = LEDGER_KINDS_IN_ALL - 1;
	r.reason = S("second");
	check_err("the last that has room", ledger_result_add(ledger, &r, 300), ERR_NONE);
	r.reason = S("third");
	check_err("one more", ledger_result_add(ledger, &r, 300), ERR_NONE);
	r.reason = S("fourth");
	check_err("and one more", ledger_result_add(ledger, &r, 300), ERR_NONE);
	r.reason = S("first");
	check_err("a known one", ledger_result_add(ledger, &r, 300), ERR_NONE);
	check_str("all", str_of(all("d.test")),
		S("300 d.test sts []sts-policy-invalid      2;"
		  "300 d.test sts []sts-policy-invalid     first 2;"
		  "300 d.test sts []sts-policy-invalid     second 1;"));
	ledger_close(&ledger);
	check_err("open again", ledger_open(NULL, &ledger), ERR_NONE);
	r.reason = S("fifth");
	check_err("it is counted anew", ledger_result_add(ledger, &r, 300), ERR_NONE);
	assert_true(ledger->counted && ledger->kinds < 10);
}

/* What a ledger of earlier kept is there, with what that did not know left empty. */
static void earlier_test(void **state)
{
	static const char *const rows[] = {
		"INSERT INTO tls_policy VALUES (1, 400, 'e.test', 'none', 0, '', '', 7)",
		"INSERT INTO tls_failure VALUES (1, 'validation-failure', 'mx', '192.0.2.1', 'why', 3)",
	};
	struct sql_store old = ledger_store;
	struct sql *sql;
	(void)state;
	ledger_close(&ledger);
	unlink("ledger.db");
	old.migration_count = 2;
	old.operations = rows;
	old.operation_count = COUNT(rows);
	check_err("an old one", sql_open("ledger.db", &old, SQL_ALONE, NULL, &sql), ERR_NONE);
	for (unsigned i = 0; i < COUNT(rows); i++)
		check_err(rows[i], sql_run(sql_use(sql, i)), ERR_NONE);
	sql_close(&sql);
	check_err("open", ledger_open(NULL, &ledger), ERR_NONE);
	check_str("all", str_of(all("")),
		S("400 e.test none []      7;400 e.test none []validation-failure mx  192.0.2.1  why 3;"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations_test),
		cmocka_unit_test(keep_test),
		cmocka_unit_test(results_test),
		cmocka_unit_test(bounds_test),
		cmocka_unit_test(bound_of_all_test),
		cmocka_unit_test(earlier_test),
	};
	return cmocka_run_group_tests(tests, start, end);
}
