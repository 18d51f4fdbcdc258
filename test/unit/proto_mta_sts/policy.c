/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mta_sts/policy.h"

#include "check.h"

enum { BUDGET = 256 << 10 };

static void record_test(void **state)
{
	static const struct {
		const char *text, *id;
	} cases[] = {
		{ "v=STSv1; id=20160831085700Z;", "20160831085700Z" },
		{ "v=STSv1;id=1", "1" },
		{ "v=STSv1 ;\tid=a1 ; ", "a1" },
		{ "v=STSv1; x-a.b_c=v/w+; id=2; later=yes", "2" },
		{ "v=STSv1; id=1; id=2", "1" },
		{ "v=STSv1; id=12345678901234567890123456789012;", "12345678901234567890123456789012" },
		{ "v=STSv1; id=123456789012345678901234567890123;", NULL },
		{ "v=STSv1; id=", NULL },
		{ "v=STSv1; id=a-b", NULL },
		{ "v=STSv1; id=a b", NULL },
		{ "v=STSv1", NULL },
		{ "v=STSv1;", NULL },
		{ "v=STSv1; x=1", NULL },
		{ "v=STSv1; id=1;; x=2", NULL },
		{ "v=STSv1; id=1; =2", NULL },
		{ "v=STSv1; id=1; x=", NULL },
		{ "V=STSv1; id=1", NULL },
		{ "v=STSv2; id=1", NULL },
		{ " v=STSv1; id=1", NULL },
		{ "v=spf1 -all", NULL },
		{ "", NULL },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		str id = NO_STR;
		err e = mta_sts_record_parse(str_of(cases[i].text), &id);
		check_err(cases[i].text, e, cases[i].id != NULL ? ERR_NONE : ERR_SYNTAX);
		check_str(cases[i].text, id, str_of(cases[i].id));
	}
	assert_true(mta_sts_record_is(S("v=STSv1; whatever")));
	assert_false(mta_sts_record_is(S("v=STSv10; id=1")));
	assert_false(mta_sts_record_is(S("v=STSv1")));
}

#define HEAD "version: STSv1\nmode: enforce\nmax_age: 86400\n"

static void policy_test(void **state)
{
	static const struct {
		const char *text;
		enum err_code code;
		enum mta_sts_mode mode;
		uint32_t age;
		size_t patterns;
	} cases[] = {
		{ "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n",
			ERR_NONE, MTA_STS_ENFORCE, 604800, 2 },
		{ HEAD "mx: a.test", ERR_NONE, MTA_STS_ENFORCE, 86400, 1 },
		{ HEAD "mx:a.test  \n\n", ERR_NONE, MTA_STS_ENFORCE, 86400, 1 },
		{ "version:STSv1\nmode:none\nmax_age:0", ERR_NONE, MTA_STS_NONE, 0, 0 },
		{ HEAD "mx: a.test\nmode: none\nmax_age: 1\nversion: STSv2\nx: y: z\n", ERR_NONE, MTA_STS_ENFORCE,
			86400, 1 },
		{ "version: STSv1\nmode: testing\nmax_age: 9999999999\nmx: a", ERR_NONE, MTA_STS_TESTING,
			MTA_STS_AGE_MAX, 1 },
		{ "version: STSv1\nmode: testing\nmax_age: 10000000000\nmx: a", ERR_SYNTAX, 0, 0, 0 },
		{ "version: STSv1\nmode: testing\nmax_age: -1\nmx: a", ERR_SYNTAX, 0, 0, 0 },
		{ HEAD, ERR_SYNTAX, 0, 0, 0 },
		{ HEAD "mx: \n", ERR_SYNTAX, 0, 0, 0 },
		{ HEAD "mx: a.*.test\n", ERR_SYNTAX, 0, 0, 0 },
		{ HEAD "mx: *\n", ERR_SYNTAX, 0, 0, 0 },
		{ HEAD "mx: a..b\n", ERR_SYNTAX, 0, 0, 0 },
		{ HEAD "mx: -a.b\n", ERR_SYNTAX, 0, 0, 0 },
		{ HEAD "mx: a.test\rmx: b.test\n", ERR_SYNTAX, 0, 0, 0 },
		{ HEAD "mx: a.test\nnothing\n", ERR_SYNTAX, 0, 0, 0 },
		{ "version: STSv2\nmode: enforce\nmax_age: 1\nmx: a", ERR_SYNTAX, 0, 0, 0 },
		{ "mode: enforce\nmax_age: 1\nmx: a", ERR_SYNTAX, 0, 0, 0 },
		{ "version: STSv1\nmode: Enforce\nmax_age: 1\nmx: a", ERR_SYNTAX, 0, 0, 0 },
		{ "version: STSv1\nmax_age: 1\nmx: a", ERR_SYNTAX, 0, 0, 0 },
		{ "version: STSv1\nmode: enforce\nmx: a", ERR_SYNTAX, 0, 0, 0 },
		{ "<html>not found</html>", ERR_SYNTAX, 0, 0, 0 },
		{ "", ERR_SYNTAX, 0, 0, 0 },
	};
	struct arena *a = arena_new("test", BUDGET);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mta_sts_policy p = { 0 };
		check_err(cases[i].text, mta_sts_policy_parse(str_of(cases[i].text), a, &p), cases[i].code);
		assert_int_equal(p.mode, cases[i].mode);
		assert_int_equal(p.max_age, cases[i].age);
		assert_int_equal(p.patterns_count, cases[i].patterns);
	}
	arena_free(&a);
}

static void many_test(void **state)
{
	static char text[MTA_STS_FILE_MAX + 1];
	struct mta_sts_policy p;
	struct arena *a = arena_new("test", BUDGET), *small = arena_new("small", 64);
	size_t n = sizeof HEAD - 1;
	(void)state;
	memcpy(text, HEAD, n);
	for (size_t i = 0; i < 200; i++, n += 6)
		memcpy(text + n, "mx: a\n", 6);
	check_err("many", mta_sts_policy_parse(str_from(text, n), a, &p), ERR_NONE);
	assert_int_equal(p.patterns_count, MTA_STS_PATTERNS_MAX);
	check_err("too long", mta_sts_policy_parse(str_from(text, sizeof text), a, &p), ERR_LIMIT);
	check_err("memory", mta_sts_policy_parse(str_from(text, n), small, &p), ERR_MEMORY);
	arena_free(&a);
	arena_free(&small);
}

static void matches_test(void **state)
{
	static const str patterns[] = { { "mx1.example.org", 15 }, { "*.example.net", 13 } };
	const struct mta_sts_policy p = { MTA_STS_ENFORCE, 1, patterns, COUNT(patterns) };
	static const struct {
		const char *host;
		bool want;
	} cases[] = { { "mx1.example.org", true }, { "MX1.Example.Org", true }, { "mx2.example.org", false },
		{ "a.mx1.example.org", false }, { "a.example.net", true }, { "A.EXAMPLE.NET", true },
		{ "example.net", false }, { "a.b.example.net", false }, { ".example.net", false }, { "", false },
		{ "mx1.example.org.evil.test", false }, { "aexample.net", false } };
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (mta_sts_matches(&p, str_of(cases[i].host)) != cases[i].want)
			fail_msg("%s: want %d", cases[i].host, cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_test),
		cmocka_unit_test(policy_test),
		cmocka_unit_test(many_test),
		cmocka_unit_test(matches_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
