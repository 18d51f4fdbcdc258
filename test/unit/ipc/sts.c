/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/sts.h"

#include "check.h"

static void patterns_test(void **state)
{
	static const str patterns[] = { { "mx.a.test", 9 }, { "*.b.test", 8 } };
	const struct mta_sts_policy p = { MTA_STS_ENFORCE, 1, patterns, COUNT(patterns) };
	struct mta_sts_policy again = { 0 };
	char room[100];
	struct buf b = BUF_ON(room);
	struct arena *a = arena_new("test", 1 << 16), *small = arena_new("small", 8);
	(void)state;
	sts_patterns_write(&b, &p);
	check_err("read", sts_patterns_read(buf_str(&b), a, &again), ERR_NONE);
	assert_int_equal(again.patterns_count, 2);
	check_str("first", again.patterns[0], patterns[0]);
	check_str("second", again.patterns[1], patterns[1]);
	check_err("none", sts_patterns_read(S(""), a, &again), ERR_NONE);
	assert_int_equal(again.patterns_count, 0);
	check_err("an empty one", sts_patterns_read(S("a\n\nb\n"), a, &again), ERR_SYNTAX);
	check_err("memory", sts_patterns_read(buf_str(&b), small, &again), ERR_MEMORY);
	arena_free(&a);
	arena_free(&small);
}

static void many_test(void **state)
{
	char room[2 * (MTA_STS_PATTERNS_MAX + 1)], longest[MTA_STS_PATTERN_MAX + 1];
	struct mta_sts_policy p;
	struct arena *a = arena_new("test", 1 << 16);
	(void)state;
	for (size_t i = 0; i < sizeof room; i++)
		room[i] = i % 2 == 0 ? 'a' : '\n';
	memset(longest, 'a', sizeof longest);
	check_err("most", sts_patterns_read(str_from(room, sizeof room - 2), a, &p), ERR_NONE);
	check_err("too many", sts_patterns_read(str_from(room, sizeof room), a, &p), ERR_SYNTAX);
	check_err("too long", sts_patterns_read(str_from(longest, sizeof longest), a, &p), ERR_SYNTAX);
	arena_free(&a);
}

static void failures_test(void **state)
{
	static const struct {
		enum sts_failure failure;
		const char *want;
	} cases[] = { { STS_FAILURE_NONE, "" }, { STS_FAILURE_FETCH, "sts-policy-fetch-error" },
		{ STS_FAILURE_INVALID, "sts-policy-invalid" }, { STS_FAILURE_WEBPKI, "sts-webpki-invalid" } };
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check_str("name", str_of(tls_result_name(sts_failure_type(cases[i].failure))), str_of(cases[i].want));
	/* What the other side might say of itself. */
	assert_string_equal(tls_result_name(TLS_RESULT_TYPES), "validation-failure");
	assert_string_equal(tls_result_name(TLS_RESULT_SUCCESS), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_test),
		cmocka_unit_test(many_test),
		cmocka_unit_test(failures_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
