/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/astring.h"

#define T(literal) S(literal)

/* clang-format off */
static const struct { str text; enum err_code want; str value; size_t left; } strings[] = {
	{ T("\"\""),                  ERR_NONE,   T(""),        0 },
	{ T("\"a b\" c"),             ERR_NONE,   T("a b"),     2 },
	{ T("\"a\\\"b\\\\c\""),       ERR_NONE,   T("a\"b\\c"), 0 },
	{ T("\"\\\\\""),              ERR_NONE,   T("\\"),      0 },
	{ T("\"\xc3\xa9\""),          ERR_NONE,   T("\xc3\xa9"), 0 },
	{ T("\"{5}\""),               ERR_NONE,   T("{5}"),     0 },
	{ T("{3}\r\na\"b)"),          ERR_NONE,   T("a\"b"),    1 },
	{ T("{3+}\r\n\r\nx"),         ERR_NONE,   T("\r\nx"),   0 },
	{ T("{0}\r\n"),               ERR_NONE,   T(""),        0 },
	{ T("{3}"),                   ERR_AGAIN,  NO_STR,       0 },
	{ T("{3+}"),                  ERR_AGAIN,  NO_STR,       0 },
	{ T("{3}\r\nab"),             ERR_SYNTAX, NO_STR,       0 },
	{ T("{3}ab"),                 ERR_SYNTAX, NO_STR,       0 },
	{ T("{3}\nabc"),              ERR_SYNTAX, NO_STR,       0 },
	{ T("{3\r\nabc"),             ERR_SYNTAX, NO_STR,       0 },
	{ T("{}\r\nabc"),             ERR_SYNTAX, NO_STR,       0 },
	{ T("{-1}\r\nabc"),           ERR_SYNTAX, NO_STR,       0 },
	{ T("{9223372036854775808}\r\nabc"), ERR_LIMIT, NO_STR, 0 },
	{ T("{9223372036854775807}\r\nabc"), ERR_SYNTAX, NO_STR, 0 },
	{ T("{3}\r\na\0c"),           ERR_SYNTAX, NO_STR,       0 },
	{ T("~{3}\r\nabc"),           ERR_SYNTAX, NO_STR,       0 },
	{ T("\"a"),                   ERR_SYNTAX, NO_STR,       0 },
	{ T("\""),                    ERR_SYNTAX, NO_STR,       0 },
	{ T("\"a\\"),                 ERR_SYNTAX, NO_STR,       0 },
	{ T("\"a\\b\""),              ERR_SYNTAX, NO_STR,       0 },
	{ T("\"a\rb\""),              ERR_SYNTAX, NO_STR,       0 },
	{ T("\"a\nb\""),              ERR_SYNTAX, NO_STR,       0 },
	{ T("\"a\0b\""),              ERR_SYNTAX, NO_STR,       0 },
	{ T("abc"),                   ERR_SYNTAX, NO_STR,       0 },
	{ T(""),                      ERR_SYNTAX, NO_STR,       0 },
};

static const struct { str text; enum err_code want; str value; size_t left; } astrings[] = {
	{ T("abc def"),   ERR_NONE,   T("abc"),   4 },
	{ T("a]b"),       ERR_NONE,   T("a]b"),   0 },
	{ T("NIL"),       ERR_NONE,   T("NIL"),   0 },
	{ T("a+b,c"),     ERR_NONE,   T("a+b,c"), 0 },
	{ T("\"x y\""),   ERR_NONE,   T("x y"),   0 },
	{ T("{1}\r\n("),  ERR_NONE,   T("("),     0 },
	{ T("a(b"),       ERR_NONE,   T("a"),     2 },
	{ T("a*"),        ERR_NONE,   T("a"),     1 },
	{ T("(a"),        ERR_SYNTAX, NO_STR,     0 },
	{ T("%"),         ERR_SYNTAX, NO_STR,     0 },
	{ T("\\a"),       ERR_SYNTAX, NO_STR,     0 },
	{ T("\xc3\xa9"),  ERR_SYNTAX, NO_STR,     0 },
	{ T("\x7f"),      ERR_SYNTAX, NO_STR,     0 },
	{ T(" a"),        ERR_SYNTAX, NO_STR,     0 },
};

static const struct { str value; const char *string, *astring, *nstring; } written[] = {
	{ T("abc"),            "\"abc\"",            "abc",                "\"abc\"" },
	{ T(""),               "\"\"",               "\"\"",               "\"\"" },
	{ NO_STR,              "\"\"",               "\"\"",               "NIL" },
	{ T("a b"),            "\"a b\"",            "\"a b\"",            "\"a b\"" },
	{ T("nil"),            "\"nil\"",            "\"nil\"",            "\"nil\"" },
	{ T("\"\\"),           "\"\\\"\\\\\"",       "\"\\\"\\\\\"",       "\"\\\"\\\\\"" },
	{ T("a\"b"),           "\"a\\\"b\"",         "\"a\\\"b\"",         "\"a\\\"b\"" },
	{ T("a\r\nb"),         "{4}\r\na\r\nb",      "{4}\r\na\r\nb",      "{4}\r\na\r\nb" },
	{ T("\xc3\xa9"),       "{2}\r\n\xc3\xa9",    "{2}\r\n\xc3\xa9",    "{2}\r\n\xc3\xa9" },
	{ T("\x7f"),           "{1}\r\n\x7f",        "{1}\r\n\x7f",        "{1}\r\n\x7f" },
	{ T("ab\0cd"),         "\"ab\"",             "\"ab\"",             "\"ab\"" },
};
/* clang-format on */

static void check_one(str text, struct cur *c, str got, enum err_code want, str value, size_t left)
{
	char name[TEXT_MAX];
	snprintf(name, sizeof name, "%.*s", ARG(text));
	check_err(name, c->e, want);
	check_str(name, got, value);
	if (want == ERR_NONE && (got.p == NULL || cur_rest(c).n != left))
		fail_msg("%s: %zu bytes left, want %zu", name, cur_rest(c).n, left);
	if (want != ERR_NONE && (got.p != NULL || c->expected == NULL))
		fail_msg("%s: a result, or no reason, in spite of the failure", name);
}

static void strings_are_read(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(strings); i++) {
		struct cur c = cur_of(strings[i].text);
		str got = imap_string(&c, a);
		check_one(strings[i].text, &c, got, strings[i].want, strings[i].value, strings[i].left);
	}
	for (size_t i = 0; i < COUNT(astrings); i++) {
		struct cur c = cur_of(astrings[i].text);
		str got = imap_astring(&c, a);
		check_one(astrings[i].text, &c, got, astrings[i].want, astrings[i].value, astrings[i].left);
	}
	arena_free(&a);
}

static void nil_is_not_the_empty_string(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	struct cur nil = cur_of(S("nil)")), empty = cur_of(S("\"\"")), atom = cur_of(S("NILL"));
	assert_null(imap_nstring(&nil, a).p);
	check_err("nil", nil.e, ERR_NONE);
	assert_non_null(imap_nstring(&empty, a).p);
	assert_null(imap_nstring(&atom, a).p);
	check_err("NILL", atom.e, ERR_SYNTAX);
	arena_free(&a);
}

static void spent_arena(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1);
	struct cur c = cur_of(S("\"a\\\\b\""));
	assert_null(imap_string(&c, a).p);
	check_err("spent", c.e, ERR_MEMORY);
	arena_free(&a);
}

static void strings_are_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(written); i++) {
		char room[3][TEXT_MAX];
		struct buf b[] = { BUF_ON(room[0]), BUF_ON(room[1]), BUF_ON(room[2]) };
		imap_write_string(&b[0], written[i].value);
		imap_write_astring(&b[1], written[i].value);
		imap_write_nstring(&b[2], written[i].value);
		check_written("string", &b[0], written[i].string);
		check_written("astring", &b[1], written[i].astring);
		check_written("nstring", &b[2], written[i].nstring);
	}
}

/* Long strings must not become long lines. */
static void long_strings_are_literals(void **state)
{
	(void)state;
	static char text[2000], room[TEXT_MAX];
	memset(text, 'x', sizeof text);
	struct buf b = BUF_ON(room);
	imap_write_string(&b, str_from(text, sizeof text));
	assert_true(str_starts(buf_str(&b), S("{2000}\r\nxxx")));
	assert_int_equal(b.n, sizeof text + 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings_are_read),
		cmocka_unit_test(nil_is_not_the_empty_string),
		cmocka_unit_test(spent_arena),
		cmocka_unit_test(strings_are_written),
		cmocka_unit_test(long_strings_are_literals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
