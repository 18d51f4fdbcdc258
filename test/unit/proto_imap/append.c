/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/append.h"

/* clang-format off */
static const struct { const char *args; enum err_code want; const char *mailbox, *flags; int64_t date; uint64_t size; bool is_waiting; } cases[] = {
	{ "INBOX {310}",                          ERR_NONE,   "INBOX", "()",           -1,  310, true  },
	{ "inbox (\\Seen) {32+}",                 ERR_NONE,   "INBOX", "(\\Seen)",     -1,  32,  false },
	{ "\"a b\" (a) \" 1-Jan-1970 00:01:00 +0000\" {5}", ERR_NONE, "a b", "(a)",    60,  5,   true  },
	{ "a \" 1-Jan-1970 00:01:00 +0000\" {5}", ERR_NONE,   "a",     "()",           60,  5,   true  },
	{ "{5}\r\na b c {7+}",                    ERR_NONE,   "a b c", "()",           -1,  7,   false },
	{ "a {0}",                                ERR_NONE,   "a",     "()",           -1,  0,   true  },
	{ "{5}",                                  ERR_AGAIN,  NULL,    NULL,           -1,  0,   false },
	{ "a",                                    ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
	{ "a ",                                   ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
	{ "a \"text\"",                           ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
	{ "a (\\Seen)",                           ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
	{ "a (\\Recent) {5}",                     ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
	{ "a () () {5}",                          ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
	{ "a ~{5}",                               ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
	{ "a {5} ",                               ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
	{ "a b {5}",                              ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
	{ "&Jjo {5}",                             ERR_SYNTAX, NULL,    NULL,           -1,  0,   false },
};

static const struct { const char *text; bool want; } ready[] = {
	{ "a APPEND INBOX {5}",           true  },
	{ "a append {5}\r\nINBOX {5+}",   true  },
	{ "a APPEND &bad {5}",            true  },
	{ "a APPEND {5}",                 false },
	{ "a APPEND {5+}",                false },
	{ "a SELECT {5}",                 false },
	{ "APPEND {5}",                   false },
};
/* clang-format on */

static void up_to_the_message(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct imap_append got = { 0 };
		struct cur c = cur_of(str_of(cases[i].args));
		check_err(cases[i].args, imap_append_parse(&c, a, &got), cases[i].want);
		check_str(cases[i].args, got.mailbox, str_of(cases[i].mailbox));
		imap_write_flags(&b, got.flags);
		check_written(cases[i].args, &b, cases[i].flags);
		if (got.has_date != (cases[i].date >= 0) || (got.has_date && got.date.seconds != cases[i].date))
			fail_msg("%s: got date %lld", cases[i].args, (long long)got.date.seconds);
		if (got.message.size != cases[i].size || got.message.is_waiting != cases[i].is_waiting)
			fail_msg("%s: got a message of %llu", cases[i].args, (unsigned long long)got.message.size);
	}
	for (size_t i = 0; i < COUNT(ready); i++)
		if (imap_append_is_ready(str_of(ready[i].text), a) != ready[i].want)
			fail_msg("%s: want %d", ready[i].text, ready[i].want);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(up_to_the_message) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
