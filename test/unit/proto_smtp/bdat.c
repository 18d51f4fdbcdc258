/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "proto/smtp/bdat.h"

/* clang-format off */
static const struct { const char *name; str argument; enum err_code want; uint64_t left; bool last; } cases[] = {
	{ "a chunk",          S("86"),                   ERR_NONE,   86, false },
	{ "the last",         S("86 LAST"),              ERR_NONE,   86, true },
	{ "case",             S("1 last"),               ERR_NONE,   1,  true },
	{ "nothing, last",    S("0 LAST"),               ERR_NONE,   0,  true },
	{ "no size",          S(""),                     ERR_SYNTAX, 0,  false },
	{ "only last",        S("LAST"),                 ERR_SYNTAX, 0,  false },
	{ "negative",         S("-1"),                   ERR_SYNTAX, 0,  false },
	{ "plus",             S("+1"),                   ERR_SYNTAX, 0,  false },
	{ "hexadecimal",      S("0x10"),                 ERR_SYNTAX, 0,  false },
	{ "more behind",      S("1 LAST x"),             ERR_SYNTAX, 0,  false },
	{ "other word",       S("1 FIRST"),              ERR_SYNTAX, 0,  false },
	{ "blank behind",     S("1 "),                   ERR_SYNTAX, 0,  false },
	{ "beyond 63 bits",   S("9223372036854775808"),  ERR_LIMIT,  0,  false },
	{ "beyond 64 bits",   S("18446744073709551617"), ERR_LIMIT,  0,  false },
};
/* clang-format on */

static void sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct smtp_bdat b = { 0 };
		check_err(cases[i].name, smtp_bdat_next(&b, cases[i].argument), cases[i].want);
		if (b.left != cases[i].left || b.last != cases[i].last || b.size != b.left)
			fail_msg("%s: got %llu, last %d", cases[i].name, (unsigned long long)b.left, b.last);
	}
}

static void chunk_after_chunk(void **state)
{
	(void)state;
	struct smtp_bdat b = { 0 };
	str input = S("12345678BDAT 2 LAST\r\n");
	check_err("first", smtp_bdat_next(&b, S("8")), ERR_NONE);
	check_err("too early", smtp_bdat_next(&b, S("2 LAST")), ERR_STATE);
	str some = S("123");
	check_str("a piece", smtp_bdat_take(&b, &some), S("123"));
	assert_int_equal(some.n, 0);
	input = str_after(input, 3);
	check_str("the rest", smtp_bdat_take(&b, &input), S("45678"));
	check_str("the next command stays", input, S("BDAT 2 LAST\r\n"));
	check_str("nothing more", smtp_bdat_take(&b, &input), S(""));
	assert_false(smtp_bdat_is_complete(&b));
	check_err("too much in all", smtp_bdat_next(&b, S("9223372036854775807")), ERR_LIMIT);
	check_err("last", smtp_bdat_next(&b, S("2 LAST")), ERR_NONE);
	assert_int_equal(b.size, 10);
	input = S("ab");
	check_str("last", smtp_bdat_take(&b, &input), S("ab"));
	assert_true(smtp_bdat_is_complete(&b));
	check_err("after the last", smtp_bdat_next(&b, S("1")), ERR_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sizes), cmocka_unit_test(chunk_after_chunk) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
