/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "base/utf8.h"

/* clang-format off */
static const struct { const char *name; str text; bool valid; } cases[] = {
	{ "nothing",                     S(""),                     true },
	{ "ASCII",                       S("abc\x7f"),              true },
	{ "NUL",                         S("\0"),                   true },
	{ "first of two bytes",          S("\xc2\x80"),             true },
	{ "last of two bytes",           S("\xdf\xbf"),             true },
	{ "first of three bytes",        S("\xe0\xa0\x80"),         true },
	{ "last before the surrogates",  S("\xed\x9f\xbf"),         true },
	{ "first after the surrogates",  S("\xee\x80\x80"),         true },
	{ "last of three bytes",         S("\xef\xbf\xbf"),         true },
	{ "first of four bytes",         S("\xf0\x90\x80\x80"),     true },
	{ "the very last",               S("\xf4\x8f\xbf\xbf"),     true },
	{ "a word",                      S("M\xc3\xbcller"),        true },
	{ "lone continuation",           S("\x80"),                 false },
	{ "overlong slash, two bytes",   S("\xc0\xaf"),             false },
	{ "overlong, highest",           S("\xc1\xbf"),             false },
	{ "overlong slash, three bytes", S("\xe0\x80\xaf"),         false },
	{ "overlong slash, four bytes",  S("\xf0\x80\x80\xaf"),     false },
	{ "first surrogate",             S("\xed\xa0\x80"),         false },
	{ "last surrogate",              S("\xed\xbf\xbf"),         false },
	{ "above the last",              S("\xf4\x90\x80\x80"),     false },
	{ "five bytes",                  S("\xf8\x88\x80\x80\x80"), false },
	{ "FF",                          S("\xff"),                 false },
	{ "cut after one",               S("\xc3"),                 false },
	{ "cut after two",               S("\xe2\x82"),             false },
	{ "cut after three",             S("\xf0\x9f\x98"),         false },
	{ "continuation missing",        S("\xe2\x28\xa1"),         false },
	{ "Latin-1 after a word",        S("M\xc3\xbcll\xe9r"),     false },
};
/* clang-format on */

static void strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (str_is_utf8(cases[i].text) != cases[i].valid)
			fail_msg("%s: got %d", cases[i].name, !cases[i].valid);
}

static void every_character_both_ways(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x110000; c++) {
		char room[4];
		struct buf b = BUF_ON(room);
		buf_utf8(&b, c);
		assert_int_equal(b.lost, (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff);
		uint32_t back = 0;
		str rest = buf_str(&b);
		if (!b.lost && (!utf8_take(&rest, &back) || rest.n != 0 || back != c))
			fail_msg("U+%04X came back as U+%04X", c, back);
	}
}

static void cut_between_characters(void **state)
{
	static const struct {
		str text;
		size_t most, want;
	} cuts[] = {
		{ S("abc"), 3, 3 }, { S("abc"), 2, 2 }, { S("abc"), 0, 0 },
		{ S("a\xc3\xbc"
		    "b"),
			2, 1 },
		{ S("a\xc3\xbc"
		    "b"),
			3, 3 },
		{ S("\xe2\x82\xac\xe2\x82\xac"), 5, 3 }, { S("\xe2\x82\xac\xe2\x82\xac"), 4, 3 },
		{ S("ab\xf0\x9f\x98\x80"), 5, 2 }, { S("\xf0\x9f\x98\x80"), 3, 3 }, /* nothing is no progress */
		{ S("\x80\x80\x80\x80\x80\x80\x80\x80"), 6, 6 },                    /* not UTF-8 */
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cuts); i++)
		assert_int_equal(str_begin_utf8(cuts[i].text, cuts[i].most).n, cuts[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strictly),
		cmocka_unit_test(every_character_both_ways),
		cmocka_unit_test(cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
