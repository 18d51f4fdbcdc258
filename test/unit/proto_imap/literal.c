/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/literal.h"

/* clang-format off */
static const struct { const char *line; enum err_code want; uint64_t size; bool is_waiting, is_binary; size_t at; } cases[] = {
	{ "a LOGIN {5}",                 ERR_NONE,   5,         true,  false, 8 },
	{ "a LOGIN {5+}",                ERR_NONE,   5,         false, false, 8 },
	{ "{0}",                         ERR_NONE,   0,         true,  false, 0 },
	{ "a APPEND x ~{310}",           ERR_NONE,   310,       true,  true,  11 },
	{ "~{1+}",                       ERR_NONE,   1,         false, true,  0 },
	/* RFC 7888 3: the end of the line counts, whatever stands before it. */
	{ "a X \"open {7+}",             ERR_NONE,   7,         false, false, 10 },
	{ "a SEARCH (TEXT{3}",           ERR_NONE,   3,         true,  false, 14 },
	{ "{9223372036854775807}",       ERR_NONE,   INT64_MAX, true,  false, 0 },
	{ "{9223372036854775808}",       ERR_LIMIT,  0,         false, false, 0 },
	{ "{99999999999999999999999+}",  ERR_LIMIT,  0,         false, false, 0 },
	{ "",                            ERR_ABSENT, 0,         false, false, 0 },
	{ "}",                           ERR_ABSENT, 0,         false, false, 0 },
	{ "{}",                          ERR_ABSENT, 0,         false, false, 0 },
	{ "{+}",                         ERR_ABSENT, 0,         false, false, 0 },
	{ "5}",                          ERR_ABSENT, 0,         false, false, 0 },
	{ "+}",                          ERR_ABSENT, 0,         false, false, 0 },
	{ "{5} ",                        ERR_ABSENT, 0,         false, false, 0 },
	{ "{5}\"",                       ERR_ABSENT, 0,         false, false, 0 },
	{ "{-5}",                        ERR_ABSENT, 0,         false, false, 0 },
	{ "{5++}",                       ERR_ABSENT, 0,         false, false, 0 },
	{ "{ 5}",                        ERR_ABSENT, 0,         false, false, 0 },
};
/* clang-format on */

static void the_end_of_a_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct imap_literal got = { 0 };
		check_err(cases[i].line, imap_literal_at_end(str_of(cases[i].line), &got), cases[i].want);
		if (got.size != cases[i].size || got.is_waiting != cases[i].is_waiting ||
			got.is_binary != cases[i].is_binary || got.at != cases[i].at)
			fail_msg("%s: got %llu waiting %d binary %d at %zu", cases[i].line,
				(unsigned long long)got.size, got.is_waiting, got.is_binary, got.at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_end_of_a_line) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
