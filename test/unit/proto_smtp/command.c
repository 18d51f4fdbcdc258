/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "proto/smtp/command.h"

/* clang-format off */
static const struct { const char *name; str line; bool lmtp; enum err_code want; enum smtp_verb verb; const char *argument; } lines[] = {
	{ "EHLO",               S("EHLO a.org"),       false, ERR_NONE,   SMTP_VERB_EHLO, "a.org" },
	{ "any case",           S("eHlO a.org"),       false, ERR_NONE,   SMTP_VERB_EHLO, "a.org" },
	{ "blanks around",      S("NOOP  x y  "),      false, ERR_NONE,   SMTP_VERB_NOOP, "x y" },
	{ "no argument",        S("DATA"),             false, ERR_NONE,   SMTP_VERB_DATA, "" },
	{ "blank behind",       S("DATA "),            false, ERR_NONE,   SMTP_VERB_DATA, "" },
	{ "argument too many",  S("DATA x"),           false, ERR_SYNTAX, SMTP_VERB_DATA, "x" },
	{ "argument missing",   S("MAIL"),             false, ERR_SYNTAX, SMTP_VERB_MAIL, "" },
	{ "no verb",            S("WIZ"),              false, ERR_ABSENT, SMTP_VERBS, "" },
	{ "empty",              S(""),                 false, ERR_ABSENT, SMTP_VERBS, "" },
	{ "verb longer",        S("DATAX"),            false, ERR_ABSENT, SMTP_VERBS, "" },
	{ "an HTTP client",     S("GET / HTTP/1.1"),   false, ERR_ABSENT, SMTP_VERBS, "" },
	{ "LHLO in SMTP",       S("LHLO a.org"),       false, ERR_ABSENT, SMTP_VERBS, "" },
	{ "LHLO in LMTP",       S("LHLO a.org"),       true,  ERR_NONE,   SMTP_VERB_LHLO, "a.org" },
	{ "EHLO in LMTP",       S("EHLO a.org"),       true,  ERR_ABSENT, SMTP_VERBS, "" },
	{ "HELO in LMTP",       S("HELO a.org"),       true,  ERR_ABSENT, SMTP_VERBS, "" },
	{ "tab",                S("EHLO\ta.org"),      false, ERR_SYNTAX, SMTP_VERBS, "" },
	{ "NUL",                S("EHLO a\0b"),        false, ERR_SYNTAX, SMTP_VERBS, "" },
	{ "escape",             S("EHLO \x1b[2J"),     false, ERR_SYNTAX, SMTP_VERBS, "" },
	{ "Latin-1",            S("EHLO b\xfc" "cher"), false, ERR_SYNTAX, SMTP_VERBS, "" },
};

static const struct { const char *name; str argument; enum err_code want; const char *local, *culprit; } mails[] = {
	{ "plain",              S("FROM:<a@b>"),              ERR_NONE,        "a", NULL },
	{ "any case",           S("from:<a@b>"),              ERR_NONE,        "a", NULL },
	{ "null",               S("FROM:<>"),                 ERR_NONE,        "",  NULL },
	{ "blank of a printer", S("FROM: <a@b>"),             ERR_NONE,        "a", NULL },
	{ "parameter",          S("FROM:<a@b> SIZE=1"),       ERR_NONE,        "a", NULL },
	{ "quoted bracket",     S("FROM:<\"a>\"@b> SIZE=1"),  ERR_NONE,        "\"a>\"", NULL },
	{ "blank before colon", S("FROM :<a@b>"),             ERR_SYNTAX,      NULL, NULL },
	{ "TO",                 S("TO:<a@b>"),                ERR_SYNTAX,      NULL, NULL },
	{ "no brackets",        S("FROM:a@b"),                ERR_SYNTAX,      NULL, "a@b" },
	{ "no blank",           S("FROM:<a@b>SIZE=1"),        ERR_SYNTAX,      NULL, "SIZE=1" },
	{ "unknown",            S("FROM:<a@b> X=1"),          ERR_UNSUPPORTED, NULL, "X" },
};

static const struct { const char *name; str argument; enum err_code want; enum smtp_helo_kind kind; } helos[] = {
	{ "name",          S("mx.example.org"),     ERR_NONE,   SMTP_HELO_DOMAIN },
	{ "one label",     S("localhost"),          ERR_NONE,   SMTP_HELO_DOMAIN },
	{ "U-label",       S("b\xc3\xbc" "cher.example"), ERR_NONE, SMTP_HELO_DOMAIN },
	{ "IPv4",          S("[192.0.2.1]"),        ERR_NONE,   SMTP_HELO_LITERAL },
	{ "IPv6",          S("[IPv6:2001:db8::1]"), ERR_NONE,   SMTP_HELO_LITERAL },
	{ "bare address",  S("192.0.2.1"),          ERR_NONE,   SMTP_HELO_DOMAIN },
	{ "underscore",    S("MY_PC"),              ERR_NONE,   SMTP_HELO_ODD },
	{ "dot last",      S("a.org."),             ERR_NONE,   SMTP_HELO_ODD },
	{ "bad literal",   S("[192.0.2]"),          ERR_NONE,   SMTP_HELO_ODD },
	{ "two words",     S("my pc"),              ERR_SYNTAX, SMTP_HELO_ODD },
	{ "comment",       S("a(b)"),               ERR_SYNTAX, SMTP_HELO_ODD },
	{ "nothing",       S(""),                   ERR_SYNTAX, SMTP_HELO_ODD },
};

static const struct { const char *name; str argument; enum err_code want; str mechanism, initial; bool has_initial; } auths[] = {
	{ "alone",         S("PLAIN"),         ERR_NONE,   S("PLAIN"), NO_STR, false },
	{ "with response", S("PLAIN AGEAYg=="), ERR_NONE,  S("PLAIN"), S("AGEAYg=="), true },
	{ "empty one",     S("EXTERNAL ="),    ERR_NONE,   S("EXTERNAL"), S(""), true },
	{ "hyphens",       S("SCRAM-SHA-256"), ERR_NONE,   S("SCRAM-SHA-256"), NO_STR, false },
	{ "three words",   S("PLAIN a b"),     ERR_SYNTAX, NO_STR, NO_STR, false },
	{ "dot",           S("PL.AIN"),        ERR_SYNTAX, NO_STR, NO_STR, false },
	{ "too long",      S("ABCDEFGHIJKLMNOPQRSTU"), ERR_SYNTAX, NO_STR, NO_STR, false },
};
/* clang-format on */

static void verbs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct smtp_command c;
		check_err(lines[i].name, smtp_command_parse(lines[i].line, lines[i].lmtp, &c), lines[i].want);
		if (c.verb != lines[i].verb || (c.row == NULL) != (c.verb == SMTP_VERBS))
			fail_msg("%s: got verb %d", lines[i].name, c.verb);
		check_str(lines[i].name, c.argument, str_of(lines[i].argument));
	}
	static char longest[SMTP_COMMAND_MAX + 1];
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "NOOP ", 5);
	struct smtp_command c;
	check_err("longest", smtp_command_parse((str){ longest, SMTP_COMMAND_MAX }, false, &c), ERR_NONE);
	check_err("longer", smtp_command_parse((str){ longest, SMTP_COMMAND_MAX + 1 }, false, &c), ERR_LIMIT);
}

/* RFC 2920 3.1 lists what may only end a group; RFC 3207 4 what may come before TLS. */
static void rows(void **state)
{
	(void)state;
	assert_true(smtp_verbs[SMTP_VERB_DATA].traits & SMTP_ENDS_GROUP);
	assert_true(smtp_verbs[SMTP_VERB_STARTTLS].traits & SMTP_ENDS_GROUP);
	assert_false(smtp_verbs[SMTP_VERB_RCPT].traits & SMTP_ENDS_GROUP);
	unsigned before_tls = 0;
	for (unsigned i = 0; i < SMTP_VERBS; i++) {
		if (smtp_verbs[i].traits & SMTP_BEFORE_TLS)
			before_tls |= 1u << i;
		assert_true(smtp_verbs[i].states != 0 && str_starts(smtp_verbs[i].source, S("RFC ")));
	}
	assert_int_equal(before_tls, 1u << SMTP_VERB_EHLO | 1u << SMTP_VERB_LHLO | 1u << SMTP_VERB_NOOP |
					     1u << SMTP_VERB_QUIT | 1u << SMTP_VERB_STARTTLS);
}

static void arguments_of_mail(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mails); i++) {
		struct arena *a = arena_new("test", 4096);
		struct smtp_envelope_argument m;
		struct smtp_fault fault = { 0 };
		check_err(mails[i].name, smtp_mail_parse(mails[i].argument, a, &m, &fault), mails[i].want);
		if (mails[i].local != NULL)
			check_str(mails[i].name, m.path.local, str_of(mails[i].local));
		if (mails[i].culprit != NULL)
			check_str(mails[i].name, fault.culprit, str_of(mails[i].culprit));
		arena_free(&a);
	}
}

static void arguments_of_rcpt(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 4096);
	struct smtp_envelope_argument r;
	struct smtp_fault fault;
	check_err("plain", smtp_rcpt_parse(S("TO:<a@b> NOTIFY=NEVER"), a, &r, &fault), ERR_NONE);
	assert_int_equal(r.parameters.notify, SMTP_NOTIFY_NEVER);
	check_err("postmaster", smtp_rcpt_parse(S("TO:<Postmaster>"), a, &r, &fault), ERR_NONE);
	check_err("null", smtp_rcpt_parse(S("TO:<>"), a, &r, &fault), ERR_SYNTAX);
	assert_non_null(fault.expected);
	check_err("hyphen", smtp_rcpt_parse(S("TO:<a@-b>"), a, &r, &fault), ERR_SYNTAX);
	assert_string_equal(fault.expected, "a domain label without outer hyphens");
	arena_free(&a);
}

static void greetings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(helos); i++) {
		enum smtp_helo_kind kind = SMTP_HELO_ODD;
		check_err(helos[i].name, smtp_helo_parse(helos[i].argument, &kind), helos[i].want);
		if (kind != helos[i].kind)
			fail_msg("%s: got kind %d, want %d", helos[i].name, kind, helos[i].kind);
	}
}

static void logins(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(auths); i++) {
		str mechanism = NO_STR, initial = NO_STR;
		check_err(auths[i].name, smtp_auth_parse(auths[i].argument, &mechanism, &initial), auths[i].want);
		check_str(auths[i].name, mechanism, auths[i].mechanism);
		check_str(auths[i].name, initial, auths[i].initial);
		assert_int_equal(initial.p != NULL, auths[i].has_initial);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs),
		cmocka_unit_test(rows),
		cmocka_unit_test(arguments_of_mail),
		cmocka_unit_test(arguments_of_rcpt),
		cmocka_unit_test(greetings),
		cmocka_unit_test(logins),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
