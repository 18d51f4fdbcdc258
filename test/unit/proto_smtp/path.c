/* SPDX-License-Identifier: Apache-2.0 */
#include "data.h"
#include "proto/smtp/path.h"

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16
#define L50 "a23456789.123456789.123456789.123456789.12345678.x"

enum { QUOTED = SMTP_PATH_QUOTED, LITERAL = SMTP_PATH_LITERAL, UTF8 = SMTP_PATH_UTF8 };
#define REV SMTP_REVERSE_PATH
#define FWD SMTP_FORWARD_PATH

/* clang-format off */
static const struct {
	const char *name; str text; enum smtp_path_kind kind; enum err_code want;
	const char *local, *domain, *route; unsigned traits; const char *canonical;
} cases[] = {
	{ "plain",                    S("<anna@example.org>"),             REV, ERR_NONE,   "anna", "example.org", "", 0, "anna@example.org" },
	{ "case",                     S("<Anna.B@EXAMPLE.Org>"),           REV, ERR_NONE,   "Anna.B", "EXAMPLE.Org", "", 0, "Anna.B@example.org" },
	{ "every atext char",         S("<!#$%&'*+/=?^_`{|}~-@x>"),        REV, ERR_NONE,   "!#$%&'*+/=?^_`{|}~-", "x", "", 0, NULL },
	{ "null path",                S("<>"),                             REV, ERR_NONE,   "", "", "", 0, "" },
	{ "null path, forward",       S("<>"),                             FWD, ERR_SYNTAX, NULL },
	{ "postmaster",               S("<PostMaster>"),                   FWD, ERR_NONE,   "PostMaster", "", "", 0, "PostMaster" },
	{ "postmaster, reverse",      S("<postmaster>"),                   REV, ERR_SYNTAX, NULL },
	{ "postmaster with domain",   S("<postmaster@x.org>"),             FWD, ERR_NONE,   "postmaster", "x.org", "", 0, NULL },
	{ "no domain",                S("<postmasters>"),                  FWD, ERR_SYNTAX, NULL },
	{ "quoted",                   S("<\"a b\"@x.org>"),                REV, ERR_NONE,   "\"a b\"", "x.org", "", QUOTED, "\"a b\"@x.org" },
	{ "quoted without need",      S("<\"a.b\"@x.org>"),                REV, ERR_NONE,   "\"a.b\"", "x.org", "", QUOTED, "a.b@x.org" },
	{ "escaped without need",     S("<\"a\\b\"@x.org>"),               REV, ERR_NONE,   "\"a\\b\"", "x.org", "", QUOTED, "ab@x.org" },
	{ "escaped quote, backslash", S("<\"\\\"\\\\\"@x.org>"),           REV, ERR_NONE,   "\"\\\"\\\\\"", "x.org", "", QUOTED, "\"\\\"\\\\\"@x.org" },
	{ "quoted @ and >",           S("<\"a@b>\"@x.org>"),               REV, ERR_NONE,   "\"a@b>\"", "x.org", "", QUOTED, "\"a@b>\"@x.org" },
	{ "quoted nothing",           S("<\"\"@x.org>"),                   REV, ERR_NONE,   "\"\"", "x.org", "", QUOTED, "\"\"@x.org" },
	{ "quoted control",           S("<\"a\tb\"@x.org>"),               REV, ERR_SYNTAX, NULL },
	{ "escaped control",          S("<\"a\\\rb\"@x.org>"),             REV, ERR_SYNTAX, NULL },
	{ "quotes not closed",        S("<\"a@x.org>"),                    REV, ERR_SYNTAX, NULL },
	{ "backslash last",           S("<\"a\\"),                         REV, ERR_SYNTAX, NULL },
	{ "half quoted",              S("<\"a\"b@x.org>"),                 REV, ERR_SYNTAX, NULL },
	{ "IPv4 literal",             S("<a@[192.0.2.1]>"),                REV, ERR_NONE,   "a", "[192.0.2.1]", "", LITERAL, NULL },
	{ "IPv4 literal too high",    S("<a@[192.0.2.256]>"),              REV, ERR_SYNTAX, NULL },
	{ "IPv4 literal too short",   S("<a@[192.0.2]>"),                  REV, ERR_SYNTAX, NULL },
	{ "IPv6 literal",             S("<a@[IPv6:2001:DB8::1]>"),         REV, ERR_NONE,   "a", "[IPv6:2001:DB8::1]", "", LITERAL, "a@[ipv6:2001:db8::1]" },
	{ "IPv6 with IPv4",           S("<a@[ipv6:::ffff:192.0.2.1]>"),    REV, ERR_NONE,   "a", "[ipv6:::ffff:192.0.2.1]", "", LITERAL, NULL },
	{ "IPv6 without tag",         S("<a@[2001:db8::1]>"),              REV, ERR_SYNTAX, NULL },
	{ "IPv6 tag, IPv4 address",   S("<a@[IPv6:192.0.2.1]>"),           REV, ERR_SYNTAX, NULL },
	{ "IPv6 scope",               S("<a@[IPv6:fe80::1%eth0]>"),        REV, ERR_SYNTAX, NULL },
	{ "other literal",            S("<a@[x400:a]>"),                   REV, ERR_SYNTAX, NULL },
	{ "literal not closed",       S("<a@[192.0.2.1>"),                 REV, ERR_SYNTAX, NULL },
	{ "source route",             S("<@a.org,@b.org:c@d.org>"),        FWD, ERR_NONE,   "c", "d.org", "@a.org,@b.org", 0, "c@d.org" },
	{ "route in UTF-8",           S("<@\xc3\xbc.org:c@d.org>"),           FWD, ERR_NONE,   "c", "d.org", "@\xc3\xbc.org", UTF8, NULL },
	{ "route without mailbox",    S("<@a.org:>"),                      FWD, ERR_SYNTAX, NULL },
	{ "route without colon",      S("<@a.org,c@d.org>"),               FWD, ERR_SYNTAX, NULL },
	{ "UTF-8",                    S("<j\xc3\xb6rg@b\xc3\xbc" "cher.example>"), REV, ERR_NONE, "j\xc3\xb6rg", "b\xc3\xbc" "cher.example", "", UTF8, NULL },
	{ "UTF-8 in quotes",          S("<\"j\xc3\xb6 rg\"@x.org>"),       REV, ERR_NONE,   "\"j\xc3\xb6 rg\"", "x.org", "", QUOTED | UTF8, NULL },
	{ "Latin-1",                  S("<j\xf6rg@x.org>"),                REV, ERR_SYNTAX, NULL },
	{ "overlong",                 S("<j\xc0\xafrg@x.org>"),            REV, ERR_SYNTAX, NULL },
	{ "C1 control",               S("<j\xc2\x9brg@x.org>"),            REV, ERR_SYNTAX, NULL },
	{ "shell in local part",      S("<;id;@example.org>"),             REV, ERR_SYNTAX, NULL },
	{ "dot first",                S("<.a@x.org>"),                     REV, ERR_SYNTAX, NULL },
	{ "dot last",                 S("<a.@x.org>"),                     REV, ERR_SYNTAX, NULL },
	{ "two dots",                 S("<a..b@x.org>"),                   REV, ERR_SYNTAX, NULL },
	{ "hyphen first",             S("<a@-x.org>"),                     REV, ERR_SYNTAX, NULL },
	{ "hyphen last",              S("<a@x-.org>"),                     REV, ERR_SYNTAX, NULL },
	{ "underscore",               S("<a@x_y.org>"),                    REV, ERR_SYNTAX, NULL },
	{ "dot behind the domain",    S("<a@x.org.>"),                     REV, ERR_SYNTAX, NULL },
	{ "no brackets",              S("a@x.org"),                        REV, ERR_SYNTAX, NULL },
	{ "more behind",              S("<a@x.org>x"),                     REV, ERR_SYNTAX, NULL },
	{ "two @",                    S("<a@b@x.org>"),                    REV, ERR_SYNTAX, NULL },
	{ "NUL",                      S("<a\0@x.org>"),                    REV, ERR_SYNTAX, NULL },
	{ "CR LF",                    S("<a@x.org\r\n>"),                  REV, ERR_SYNTAX, NULL },
	{ "local part of 64",         S("<" X64 "@x.org>"),                REV, ERR_NONE,   X64, "x.org", "", 0, NULL },
	{ "local part of 65",         S("<x" X64 "@x.org>"),               REV, ERR_LIMIT,  NULL },
	{ "label of 64",              S("<a@" X64 ".org>"),                REV, ERR_LIMIT,  NULL },
	{ "path of 256",              S("<abc@" L50 "." L50 "." L50 "." L50 "." "a234567890123456789012345678901234567890123.xy>"), REV, ERR_NONE, "abc", NULL, "", 0, NULL },
	{ "path of 257",              S("<abcd@" L50 "." L50 "." L50 "." L50 "." "a234567890123456789012345678901234567890123.xy>"), REV, ERR_LIMIT, NULL },
};
/* clang-format on */

static void paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *name = cases[i].name;
		struct smtp_path p = { 0 };
		check_err(name, smtp_path_parse(cases[i].text, cases[i].kind, &p), cases[i].want);
		if (cases[i].want != ERR_NONE)
			continue;
		check_str(name, p.local, str_of(cases[i].local));
		if (cases[i].domain != NULL)
			check_str(name, p.domain, str_of(cases[i].domain));
		check_str(name, p.route, str_of(cases[i].route));
		if (p.traits != cases[i].traits)
			fail_msg("%s: got traits %u, want %u", name, p.traits, cases[i].traits);
		char room[SMTP_PATH_MAX];
		struct buf b = BUF_ON(room);
		smtp_path_canonical(&p, &b);
		assert_false(b.lost);
		if (cases[i].canonical != NULL)
			check_str(name, buf_str(&b), str_of(cases[i].canonical));
	}
}

static void equality(void **state)
{
	(void)state;
	static const struct {
		str a, b;
		bool equal;
	} pairs[] = {
		{ S("<a@x.org>"), S("<a@X.ORG>"), true },
		{ S("<a@x.org>"), S("<\"a\"@x.org>"), true },
		{ S("<a@x.org>"), S("<\"\\a\"@x.org>"), true },
		{ S("<a@x.org>"), S("<@b.org:a@x.org>"), true },
		{ S("<a@x.org>"), S("<A@x.org>"), false },
		{ S("<a@x.org>"), S("<a@y.org>"), false },
		{ S("<\"a b\"@x.org>"), S("<\"a\\ b\"@x.org>"), true },
	};
	for (size_t i = 0; i < COUNT(pairs); i++) {
		struct smtp_path a, b;
		check_err("a", smtp_path_parse(pairs[i].a, REV, &a), ERR_NONE);
		check_err("b", smtp_path_parse(pairs[i].b, REV, &b), ERR_NONE);
		if (smtp_path_eq(&a, &b) != pairs[i].equal)
			fail_msg("%.*s and %.*s: got %d", ARG(pairs[i].a), ARG(pairs[i].b), !pairs[i].equal);
	}
}

static void hidden_routes(void **state)
{
	(void)state;
	static const struct {
		str text;
		bool route;
	} texts[] = {
		{ S("<user%other.org@x.org>"), true },
		{ S("<other.org!user@x.org>"), true },
		{ S("<\"user@other.org\"@x.org>"), true },
		{ S("<\"user\\@other.org\"@x.org>"), true },
		{ S("<user+tag@x.org>"), false },
		{ S("<>"), false },
	};
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct smtp_path p;
		check_err("route", smtp_path_parse(texts[i].text, REV, &p), ERR_NONE);
		if (smtp_local_has_route(&p) != texts[i].route)
			fail_msg("%.*s: got %d", ARG(texts[i].text), !texts[i].route);
	}
}

/* ---- the collection of Dominic Sayers and Michael Rushton ---- */

static str unescape(str text, char *room)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '\\') {
			room[n++] = (char)strtol((char[3]){ text.p[i + 2], text.p[i + 3], '\0' }, NULL, 16);
			i += 3;
		} else {
			room[n++] = text.p[i];
		}
	return (str){ room, n };
}

/* What is good by RFC 5321, whatever the DNS says; the rest is bad, or good by RFC 5322 only. */
static bool is_good(str diagnosis)
{
	return str_starts(diagnosis, S("ISEMAIL_VALID")) || str_starts(diagnosis, S("ISEMAIL_DNSWARN")) ||
	       str_starts(diagnosis, S("ISEMAIL_RFC5321"));
}

static void collected_addresses(void **state)
{
	(void)state;
	str rest = data_file("address-isemail/addresses.tsv"), line, number, diagnosis;
	int count = 0;
	while (str_cut(&rest, '\n', &line)) {
		char room[1024], name[1200];
		struct smtp_path p;
		assert_true(str_cut(&line, '\t', &number) && str_cut(&line, '\t', &diagnosis) && line.n < sizeof room);
		snprintf(name, sizeof name, "%.*s %.*s %.*s", ARG(number), ARG(diagnosis), ARG(line));
		err e = smtp_mailbox_parse(unescape(line, room), &p);
		if (failed(e) == is_good(diagnosis))
			fail_msg("%s: %s", name, err_text(e));
		count++;
	}
	assert_int_equal(count, 82);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(equality),
		cmocka_unit_test(hidden_routes),
		cmocka_unit_test(collected_addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
