/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "base/base64.h"

/* clang-format off */
static const struct { const char *name; str text, bytes; enum err_code want; } cases[] = {
	{ "RFC 4648 10, nothing",  S(""),         S(""),       ERR_NONE },
	{ "RFC 4648 10, one",      S("Zg=="),     S("f"),      ERR_NONE },
	{ "RFC 4648 10, two",      S("Zm8="),     S("fo"),     ERR_NONE },
	{ "RFC 4648 10, three",    S("Zm9v"),     S("foo"),    ERR_NONE },
	{ "RFC 4648 10, four",     S("Zm9vYg=="), S("foob"),   ERR_NONE },
	{ "RFC 4648 10, five",     S("Zm9vYmE="), S("fooba"),  ERR_NONE },
	{ "RFC 4648 10, six",      S("Zm9vYmFy"), S("foobar"), ERR_NONE },
	{ "high bytes",            S("+/++/w=="), S("\xfb\xff\xbe\xff"), ERR_NONE },
	{ "NULs",                  S("AAAA"),     S("\0\0\0"), ERR_NONE },
	{ "no padding",            S("Zg"),       S(""),       ERR_SYNTAX },
	{ "half the padding",      S("Zg="),      S(""),       ERR_SYNTAX },
	{ "one character",         S("Z==="),     S(""),       ERR_SYNTAX },
	{ "only padding",          S("===="),     S(""),       ERR_SYNTAX },
	{ "padding inside",        S("Zg==Zg=="), S(""),       ERR_SYNTAX },
	{ "padding, then more",    S("Zm=v"),     S(""),       ERR_SYNTAX },
	{ "bits left over, two",   S("Zh=="),     S(""),       ERR_SYNTAX },
	{ "bits left over, one",   S("Zm9="),     S(""),       ERR_SYNTAX },
	{ "blank",                 S("Zm 9"),     S(""),       ERR_SYNTAX },
	{ "line end",              S("Zm9v\r\n=="), S(""),     ERR_SYNTAX },
	{ "NUL",                   S("Zm\0v"),    S(""),       ERR_SYNTAX },
	{ "URL alphabet",          S("_-__"),     S(""),       ERR_SYNTAX },
	{ "does not fit",          S("Zm9vYmFyZm9vYmFyZm9vYmFyZm9vYmFy"), S(""), ERR_LIMIT },
};
/* clang-format on */

static void both_ways(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char decoded[20], encoded[20];
		struct buf d = BUF_ON(decoded), e = BUF_ON(encoded);
		check_err(cases[i].name, base64_decode(&d, cases[i].text), cases[i].want);
		if (cases[i].want != ERR_NONE)
			continue;
		check_str(cases[i].name, buf_str(&d), cases[i].bytes);
		base64_encode(&e, cases[i].bytes);
		check_str(cases[i].name, buf_str(&e), cases[i].text);
		assert_int_equal(e.n, base64_length(cases[i].bytes.n));
		assert_true(d.n <= base64_decoded_max(cases[i].text.n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(both_ways) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
