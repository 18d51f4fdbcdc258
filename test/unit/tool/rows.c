/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "conf/check.h"
#include "os/confine.h"
#include "role/supervisor/rows.h"

static void every_row_makes_sense(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		const struct row *r = &rows[i];
		str rest = str_of(r->sections), word;
		if (confinement_of(str_of(r->role)) == NULL)
			fail_msg("%s is not in os/roles.def", r->role);
		while (str_word(&rest, ' ', &word))
			if (!conf_has_section(word))
				fail_msg("%s: there is no section %.*s", r->role, ARG(word));
		rest = str_of(r->listeners);
		while (str_word(&rest, ' ', &word))
			if (conf_service_find(word) == NULL && !str_eq(word, S("control")) &&
				!str_eq(word, S("local")) && !str_eq(word, S("ask")))
				fail_msg("%s: there is no service %.*s", r->role, ARG(word));
		assert_in_range(r->phase, 1, PHASES);
	}
}

static void every_service_is_served(void **state)
{
	(void)state;
	for (size_t i = 0; i < CONF_SERVICES; i++) {
		unsigned count = 0;
		for (size_t k = 0; k < ROWS; k++)
			count += row_has(rows[k].listeners, str_of(conf_services[i].name));
		assert_int_equal(count, 1);
	}
}

static void who_may_talk(void **state)
{
	(void)state;
	static const struct {
		const char *one, *other;
		bool may;
	} cases[] = {
		{ "receiver", "directory", true },
		{ "directory", "receiver", true },
		{ "mailroom", "supervisor", true },
		{ "receiver", "mailroom", false },
		{ "receiver", "mailbox", false },
		{ "frontdoor", "mailbox", false },
		{ "frontdoor", "directory", false },
		{ "greeter", "mailbox", false },
		{ "mailbox", "mailbox", false },
		{ "filter", "mailbox", false },
		{ "hasher", "receiver", false },
		{ "queue", "supervisor", false },
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		if (row_pair(str_of(cases[i].one), str_of(cases[i].other)) != cases[i].may)
			fail_msg("%s and %s", cases[i].one, cases[i].other);
}

/* The folder of the keys is of one process, which talks to those who make TLS connections and to nobody else. */
static void who_has_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		str role = str_of(rows[i].role);
		bool listens = row_has(rows[i].listeners, S("smtp")) || row_has(rows[i].listeners, S("submission")) ||
			       row_has(rows[i].listeners, S("lmtp")) || row_has(rows[i].listeners, S("imap")) ||
			       row_has(rows[i].listeners, S("local")); /* of the same role as smtp */
		assert_int_equal(str_eq(str_of(rows[i].home), S("keys")), str_eq(role, S("keyring")));
		assert_int_equal(row_pair(role, S("keyring")), listens || str_eq(role, S("control")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_row_makes_sense),
		cmocka_unit_test(every_service_is_served), cmocka_unit_test(who_may_talk),
		cmocka_unit_test(who_has_keys) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
