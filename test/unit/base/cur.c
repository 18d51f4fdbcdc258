/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cur.h"
#include "check.h"

static void reading_on(void **state)
{
	(void)state;
	struct cur c = cur_of(S("MAIL from:<a.b> SIZE=42;rest"));
	assert_int_equal(cur_peek(&c), 'M');
	cur_need_str(&c, S("mail FROM:"));
	cur_need(&c, '<');
	size_t from = c.at;
	check_str("run", cur_run(&c, CH_ALPHA, "letters"), S("a"));
	assert_true(cur_take(&c, '.'));
	assert_false(cur_take(&c, '.'));
	check_str("run", cur_run(&c, CH_ALPHA, "letters"), S("b"));
	check_str("since", cur_since(&c, from), S("a.b"));
	check_str("until", cur_until(&c, ' '), S(">"));
	cur_need(&c, ' ');
	assert_true(cur_take_str(&c, S("size=")));
	assert_false(cur_take_str(&c, S("size=")));
	assert_int_equal(cur_number(&c, 100), 42);
	check_str("any of none", cur_any(&c, CH_DIGIT), S(""));
	check_str("bytes", cur_bytes(&c, 1), S(";"));
	check_str("rest", cur_rest(&c), S("rest"));
	check_str("until the end", cur_until(&c, '!'), S("rest"));
	assert_true(cur_at_end(&c));
	assert_int_equal(cur_peek(&c), -1);
	cur_end(&c);
	assert_true(cur_ok(&c));
}

static void the_first_failure_sticks(void **state)
{
	(void)state;
	struct cur c = cur_of(S("abc"));
	cur_fail(&c, "a digit");
	size_t at = c.at;
	cur_fail_with(&c, FAIL(LIMIT), "something else");
	cur_need(&c, 'a');
	cur_need_str(&c, S("abc"));
	cur_end(&c);
	check_err("the first", c.e, ERR_SYNTAX);
	assert_string_equal(c.expected, "a digit");
	assert_false(cur_take(&c, 'a'));
	assert_false(cur_take_str(&c, S("")));
	assert_null(cur_run(&c, CH_ALPHA, "letters").p);
	assert_null(cur_any(&c, CH_ALPHA).p);
	assert_null(cur_bytes(&c, 1).p);
	assert_null(cur_until(&c, 'c').p);
	assert_int_equal(cur_number(&c, 9), 0);
	assert_int_equal(cur_peek(&c), -1);
	assert_int_equal(c.at, at);
}

static void what_can_fail(void **state)
{
	(void)state;
	struct cur c = cur_of(S("ab"));
	cur_need(&c, 'b');
	check_err("another byte", c.e, ERR_SYNTAX);
	assert_null(c.expected);

	c = cur_of(S("ab"));
	cur_need_str(&c, S("abc"));
	check_err("a longer text", c.e, ERR_SYNTAX);
	assert_string_equal(c.expected, "abc");

	c = cur_of(S("ab"));
	cur_run(&c, CH_DIGIT, "a digit");
	check_err("no byte of the class", c.e, ERR_SYNTAX);
	assert_string_equal(c.expected, "a digit");

	c = cur_of(S("ab"));
	assert_null(cur_bytes(&c, 3).p);
	check_err("more bytes than there are", c.e, ERR_SYNTAX);

	c = cur_of(S("ab"));
	assert_null(cur_bytes(&c, SIZE_MAX).p);
	check_err("more bytes than can be", c.e, ERR_SYNTAX);

	c = cur_of(S("ab"));
	cur_end(&c);
	check_err("not at the end", c.e, ERR_SYNTAX);

	c = cur_of(NO_STR);
	cur_end(&c);
	check_err("nothing has its end at once", c.e, ERR_NONE);
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
		{ "7x", 9, ERR_NONE, 7 },
		{ "10", 9, ERR_LIMIT, 0 },
		{ "x", 9, ERR_SYNTAX, 0 },
		{ "", 9, ERR_SYNTAX, 0 },
		{ "4294967295)", UINT32_MAX, ERR_NONE, UINT32_MAX },
		{ "4294967296)", UINT32_MAX, ERR_LIMIT, 0 },
		{ "99999999999999999999", UINT64_MAX, ERR_LIMIT, 0 },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cur c = cur_of(str_of(cases[i].text));
		uint64_t number = cur_number(&c, cases[i].highest);
		check_err(cases[i].text, c.e, cases[i].want);
		if (number != cases[i].number)
			fail_msg("%s: got %ju", cases[i].text, (uintmax_t)number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_on),
		cmocka_unit_test(the_first_failure_sticks),
		cmocka_unit_test(what_can_fail),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
