/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/command.h"

/* clang-format off */
static const struct { const char *text; enum err_code want; const char *tag; enum imap_command_id id; bool uid; const char *args; } cases[] = {
	{ "a NOOP",                ERR_NONE,   "a",     IMAP_NOOP,    false, NULL },
	{ "a1 noop",               ERR_NONE,   "a1",    IMAP_NOOP,    false, NULL },
	{ "]~! Select INBOX",      ERR_NONE,   "]~!",   IMAP_SELECT,  false, "INBOX" },
	{ "a UID FETCH 1 FLAGS",   ERR_NONE,   "a",     IMAP_FETCH,   true,  "1 FLAGS" },
	{ "a uid expunge 1:2",     ERR_NONE,   "a",     IMAP_EXPUNGE, true,  "1:2" },
	{ "a EXPUNGE",             ERR_NONE,   "a",     IMAP_EXPUNGE, false, NULL },
	{ "a UID NOOP",            ERR_NONE,   "a",     IMAP_UNKNOWN, true,  NULL },
	{ "a UID",                 ERR_NONE,   "a",     IMAP_UNKNOWN, false, NULL },
	{ "a FETCHX 1 FLAGS",      ERR_NONE,   "a",     IMAP_UNKNOWN, false, "1 FLAGS" },
	{ "a NOOP ",               ERR_NONE,   "a",     IMAP_NOOP,    false, "" },
	{ "a LOGIN {1}\r\nb c",    ERR_NONE,   "a",     IMAP_LOGIN,   false, "{1}\r\nb c" },
	{ "",                      ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "a",                     ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "a ",                    ERR_SYNTAX, NULL,    0,            false, NULL },
	{ " NOOP",                 ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "a  NOOP",               ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "+ NOOP",                ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "a+b NOOP",              ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "* NOOP",                ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "a NOOP\r",              ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "a NO\"OP",              ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "a UID  FETCH 1 FLAGS",  ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "\xc3\xa9 NOOP",         ERR_SYNTAX, NULL,    0,            false, NULL },
	{ "GET / HTTP/1.1",        ERR_NONE,   "GET",   IMAP_UNKNOWN, false, "HTTP/1.1" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa NOOP",
	                           ERR_NONE,   NULL,    IMAP_NOOP,    false, NULL },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa NOOP",
	                           ERR_LIMIT,  NULL,    0,            false, NULL },
};
/* clang-format on */

static void tag_name_and_rest(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct imap_command got = { 0 };
		check_err(cases[i].text, imap_command_parse(str_of(cases[i].text), &got), cases[i].want);
		if (cases[i].tag != NULL)
			check_str(cases[i].text, got.tag, str_of(cases[i].tag));
		check_str(cases[i].text, got.args, str_of(cases[i].args));
		if (got.id != cases[i].id || got.uid != cases[i].uid || (cases[i].args == NULL) != (got.args.p == NULL))
			fail_msg("%s: got command %d, uid %d", cases[i].text, got.id, got.uid);
	}
}

/* The states of RFC 3501 6.1 to 6.4, by hand. */
static void states(void **state)
{
	(void)state;
	static const struct {
		enum imap_command_id id;
		unsigned states;
	} want[] = {
		{ IMAP_CAPABILITY, IMAP_ANY },
		{ IMAP_LOGIN, IMAP_FRESH },
		{ IMAP_STARTTLS, IMAP_FRESH },
		{ IMAP_SELECT, IMAP_AUTH | IMAP_SELECTED },
		{ IMAP_IDLE, IMAP_AUTH | IMAP_SELECTED },
		{ IMAP_FETCH, IMAP_SELECTED },
		{ IMAP_UNSELECT, IMAP_SELECTED },
		{ IMAP_UNKNOWN, 0 },
	};
	for (size_t i = 0; i < COUNT(want); i++)
		if (imap_commands[want[i].id].states != want[i].states)
			fail_msg("%.*s: got states %u", ARG(imap_commands[want[i].id].name),
				imap_commands[want[i].id].states);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(tag_name_and_rest), cmocka_unit_test(states) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
