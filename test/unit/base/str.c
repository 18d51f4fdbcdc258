/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static void parts_stay_inside(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		size_t from, to;
		const char *slice, *after;
	} cases[] = {
		{ "all", 0, 5, "hello", "hello" },
		{ "middle", 1, 3, "el", "ello" },
		{ "end past the end", 3, 99, "lo", "lo" },
		{ "begin past the end", 99, 100, "", "" },
		{ "end before begin", 4, 2, "", "o" },
		{ "largest positions", SIZE_MAX, SIZE_MAX, "", "" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		check_str(cases[i].name, str_slice(S("hello"), cases[i].from, cases[i].to), str_of(cases[i].slice));
		check_str(cases[i].name, str_after(S("hello"), cases[i].from), str_of(cases[i].after));
	}
	assert_null(str_after(NO_STR, 3).p);
	assert_null(str_slice(NO_STR, 1, 3).p);
	assert_null(str_of(NULL).p);
}

static void comparisons(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		str a, b;
		int order, order_nocase;
	} cases[] = {
		{ "empty and absent", { "", 0 }, { NULL, 0 }, 0, 0 },
		{ "same", { "abc", 3 }, { "abc", 3 }, 0, 0 },
		{ "case", { "ABC", 3 }, { "abc", 3 }, -1, 0 },
		{ "prefix first", { "ab", 2 }, { "abc", 3 }, -1, -1 },
		{ "absent first", { NULL, 0 }, { "a", 1 }, -1, -1 },
		{ "bytes are unsigned", { "\x80", 1 }, { "z", 1 }, 1, 1 },
		{ "NUL is a byte", { "a\0b", 3 }, { "a\0c", 3 }, -1, -1 },
		{ "NUL and the end differ", { "a", 1 }, { "a\0", 2 }, -1, -1 },
		{ "no case beyond ASCII", { "\xc4", 1 }, { "\xe4", 1 }, -1, -1 },
		{ "[ is not { in upper case", { "[", 1 }, { "{", 1 }, -1, -1 },
		{ "@ is not ` in upper case", { "@", 1 }, { "`", 1 }, -1, -1 },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		str a = cases[i].a, b = cases[i].b;
		int order = str_compare(a, b), nocase = str_compare_nocase(a, b);
		if ((order > 0) - (order < 0) != cases[i].order || (nocase > 0) - (nocase < 0) != cases[i].order_nocase)
			fail_msg("%s: got %d and %d", cases[i].name, order, nocase);
		order = str_compare(b, a);
		if ((order < 0) - (order > 0) != cases[i].order)
			fail_msg("%s: the other way round got %d", cases[i].name, order);
		if (str_eq(a, b) != (cases[i].order == 0) || str_eq_nocase(a, b) != (cases[i].order_nocase == 0) ||
			str_eq_secret(a, b) != (cases[i].order == 0))
			fail_msg("%s: equality differs from the order", cases[i].name);
	}
}

static void beginnings_and_ends(void **state)
{
	(void)state;
	assert_true(str_starts(S("MAIL FROM"), S("MAIL")));
	assert_true(str_starts(S("MAIL"), S("MAIL")));
	assert_true(str_starts(S("MAIL"), S("")));
	assert_true(str_starts(NO_STR, NO_STR));
	assert_false(str_starts(S("MAI"), S("MAIL")));
	assert_false(str_starts(S("mail"), S("MAIL")));
	assert_true(str_starts_nocase(S("mail from"), S("MAIL")));
	assert_false(str_starts_nocase(S("mai"), S("MAIL")));
	assert_true(str_ends(S("a.example"), S(".example")));
	assert_false(str_ends(S("a.Example"), S(".example")));
	assert_true(str_ends_nocase(S("a.Example"), S(".example")));
	assert_false(str_ends_nocase(S("example"), S(".example")));
	assert_true(str_ends(S(""), S("")));
}

static void search(void **state)
{
	(void)state;
	assert_int_equal(str_find(S("a.b.c"), '.'), 1);
	assert_int_equal(str_find_last(S("a.b.c"), '.'), 3);
	assert_int_equal(str_find(S("a\0b"), '\0'), 1);
	assert_true(str_find(S("abc"), '.') == STR_NONE);
	assert_true(str_find(NO_STR, '.') == STR_NONE);
	assert_true(str_find_last(NO_STR, '.') == STR_NONE);
	static const struct {
		const char *text, *part;
		size_t at, at_nocase;
	} cases[] = {
		{ "hello", "l", 2, 2 },
		{ "hello", "lo", 3, 3 },
		{ "hello", "", 0, 0 },
		{ "", "", 0, 0 },
		{ "", "a", STR_NONE, STR_NONE },
		{ "hello", "hello", 0, 0 },
		{ "hello", "hello!", STR_NONE, STR_NONE },
		{ "hello", "LL", STR_NONE, 2 },
		{ "aaab", "aab", 1, 1 },
		{ "aAaB", "aab", STR_NONE, 1 },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		str text = str_of(cases[i].text), part = str_of(cases[i].part);
		if (str_find_str(text, part) != cases[i].at || str_find_str_nocase(text, part) != cases[i].at_nocase)
			fail_msg("\"%s\" in \"%s\": got %zu and %zu", cases[i].part, cases[i].text,
				str_find_str(text, part), str_find_str_nocase(text, part));
	}
}

static void cuts(void **state)
{
	(void)state;
	str rest = S("a,,b"), head = S("untouched");
	assert_true(str_cut(&rest, ',', &head));
	check_str("first head", head, S("a"));
	assert_true(str_cut(&rest, ',', &head));
	check_str("empty head", head, S(""));
	check_str("rest", rest, S("b"));
	assert_false(str_cut(&rest, ',', &head));
	check_str("head is untouched when the separator is missing", head, S(""));
	check_str("rest is untouched when the separator is missing", rest, S("b"));
	rest = S("x,");
	assert_true(str_cut(&rest, ',', &rest)); /* both may be the same */
	rest = S("x,");
	assert_true(str_cut(&rest, ',', &head));
	check_str("separator at the end", rest, S(""));
}

static void words(void **state)
{
	(void)state;
	static const char *const want[] = { "a", "", "b" };
	str rest = S("a  b"), word = NO_STR;
	for (size_t i = 0; i < COUNT(want); i++) {
		assert_true(str_word(&rest, ' ', &word));
		check_str("word", word, str_of(want[i]));
	}
	assert_false(str_word(&rest, ' ', &word));
	check_str("the last word stays", word, S("b"));
	rest = NO_STR;
	assert_false(str_word(&rest, ' ', &word));
}

static void trimming(void **state)
{
	(void)state;
	check_str("both ends", str_trim(S(" \t\r\na b\r\n")), S("a b"));
	check_str("blanks only", str_trim(S(" \t \r\n")), S(""));
	check_str("empty", str_trim(S("")), S(""));
	check_str("form feed is no blank", str_trim(S("\fa\v")), S("\fa\v"));
	assert_int_equal(str_trim(NO_STR).n, 0);
}

static void numbers(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint64_t highest;
		enum err_code want;
		uint64_t number;
	} cases[] = {
		{ "0", 0, ERR_NONE, 0 },
		{ "1", 0, ERR_LIMIT, 0 },
		{ "00042", 42, ERR_NONE, 42 },
		{ "18446744073709551615", UINT64_MAX, ERR_NONE, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, ERR_LIMIT, 0 },
		{ "99999999999999999999999999", UINT64_MAX, ERR_LIMIT, 0 },
		{ "", 9, ERR_SYNTAX, 0 },
		{ "+1", 9, ERR_SYNTAX, 0 },
		{ "-1", 9, ERR_SYNTAX, 0 },
		{ " 1", 9, ERR_SYNTAX, 0 },
		{ "1 ", 9, ERR_SYNTAX, 0 },
		{ "0x1", 9, ERR_SYNTAX, 0 },
		{ "99999999999999999999999999x", 9, ERR_SYNTAX, 0 },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint64_t number = 4711;
		check_err(cases[i].text, str_number(str_of(cases[i].text), cases[i].highest, &number), cases[i].want);
		uint64_t want = cases[i].want == ERR_NONE ? cases[i].number : 4711;
		if (number != want)
			fail_msg("%s: got %ju, want %ju", cases[i].text, (uintmax_t)number, (uintmax_t)want);
	}
}

static void letters(void **state)
{
	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		char c = (char)byte;
		bool upper = byte >= 'A' && byte <= 'Z', lower = byte >= 'a' && byte <= 'z';
		assert_int_equal((unsigned char)ascii_lower(c), upper ? byte + 32 : byte);
		assert_int_equal((unsigned char)ascii_upper(c), lower ? byte - 32 : byte);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_stay_inside),
		cmocka_unit_test(comparisons),
		cmocka_unit_test(beginnings_and_ends),
		cmocka_unit_test(search),
		cmocka_unit_test(cuts),
		cmocka_unit_test(words),
		cmocka_unit_test(trimming),
		cmocka_unit_test(numbers),
		cmocka_unit_test(letters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
