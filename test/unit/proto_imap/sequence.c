/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/sequence.h"

/* clang-format off */
static const struct { const char *text; enum err_code want; uint32_t star; const char *resolved; size_t left; } cases[] = {
	{ "1",               ERR_NONE,   9,  "1:1",              0 },
	{ "1:3",             ERR_NONE,   9,  "1:3",              0 },
	{ "3:1",             ERR_NONE,   9,  "1:3",              0 },
	{ "*",               ERR_NONE,   9,  "9:9",              0 },
	{ "*",               ERR_NONE,   0,  "",                 0 },
	{ "1:*",             ERR_NONE,   0,  "",                 0 },
	{ "*:4",             ERR_NONE,   9,  "4:9",              0 },
	/* RFC 3501 9: 3291:* includes the last UID even when that is less than 3291. */
	{ "3291:*",          ERR_NONE,   9,  "9:3291",           0 },
	{ "2,4:7,9,12:*",    ERR_NONE,   15, "2:2,4:7,9:9,12:15", 0 },
	{ "*:4,5:7",         ERR_NONE,   10, "4:10",             0 },
	{ "7,6,5,1",         ERR_NONE,   9,  "1:1,5:7",          0 },
	{ "1:5,2:3,5:6,8",   ERR_NONE,   9,  "1:6,8:8",          0 },
	{ "4294967295",      ERR_NONE,   9,  "4294967295:4294967295", 0 },
	{ "1:4294967295,5",  ERR_NONE,   9,  "1:4294967295",     0 },
	{ "4294967294,4294967295", ERR_NONE, 9, "4294967294:4294967295", 0 },
	{ "1:3 FLAGS",       ERR_NONE,   9,  "1:3",              6 },
	{ "1*",              ERR_NONE,   9,  "1:1",              1 },
	{ "*:*",             ERR_NONE,   9,  "9:9",              0 },
	{ "4294967296",      ERR_LIMIT,  9,  NULL,               0 },
	{ "0",               ERR_SYNTAX, 9,  NULL,               0 },
	{ "0:3",             ERR_SYNTAX, 9,  NULL,               0 },
	{ "1:0",             ERR_SYNTAX, 9,  NULL,               0 },
	{ "",                ERR_SYNTAX, 9,  NULL,               0 },
	{ "1,",              ERR_SYNTAX, 9,  NULL,               0 },
	{ ",1",              ERR_SYNTAX, 9,  NULL,               0 },
	{ "1:",              ERR_SYNTAX, 9,  NULL,               0 },
	{ ":1",              ERR_SYNTAX, 9,  NULL,               0 },
	{ "1,,2",            ERR_SYNTAX, 9,  NULL,               0 },
	{ "-1",              ERR_SYNTAX, 9,  NULL,               0 },
	{ "$",               ERR_SYNTAX, 9,  NULL,               0 },
};

static const struct { const char *name; uint32_t numbers[8]; const char *want; } written[] = {
	{ "none",      { 0 },                           "" },
	{ "one",       { 7 },                           "7" },
	{ "two",       { 7, 8 },                        "7:8" },
	{ "gaps",      { 1, 3, 4, 5, 9 },               "1,3:5,9" },
	{ "the end",   { 4294967294, 4294967295 },      "4294967294:4294967295" },
};
/* clang-format on */

static void sets_are_read_and_resolved(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct cur c = cur_of(str_of(cases[i].text));
		struct imap_sequence set = imap_sequence(&c, a);
		check_err(cases[i].text, c.e, cases[i].want);
		if (cases[i].want != ERR_NONE && set.ranges != NULL)
			fail_msg("%s: a result in spite of the failure", cases[i].text);
		if (cases[i].want == ERR_NONE && cur_rest(&c).n != cases[i].left)
			fail_msg("%s: %zu bytes left", cases[i].text, cur_rest(&c).n);
		imap_sequence_resolve(&set, cases[i].star);
		for (size_t k = 0; k < set.count; k++)
			buf_addf(&b, "%s%u:%u", k > 0 ? "," : "", set.ranges[k].first, set.ranges[k].last);
		check_written(cases[i].text, &b, cases[i].resolved);
	}
	arena_free(&a);
}

static void membership(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	struct cur c = cur_of(S("9,2:4,20:30"));
	struct imap_sequence set = imap_sequence(&c, a), empty = { 0 };
	imap_sequence_resolve(&set, 100);
	for (uint32_t n = 0; n < 40; n++) {
		bool want = (n >= 2 && n <= 4) || n == 9 || (n >= 20 && n <= 30);
		if (imap_sequence_has(&set, n) != want)
			fail_msg("%u: want %d", n, want);
		assert_false(imap_sequence_has(&empty, n));
	}
	assert_int_equal(imap_sequence_highest(&set), 30);
	assert_int_equal(imap_sequence_highest(&empty), 0);
	arena_free(&a);
}

static void too_many_ranges(void **state)
{
	(void)state;
	static char text[2 * IMAP_RANGES_MAX + 1];
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = i % 2 == 0 ? '1' : ',';
	struct cur fits = cur_of(str_from(text, sizeof text - 2)), over = cur_of(str_from(text, sizeof text));
	assert_int_equal(imap_sequence(&fits, a).count, IMAP_RANGES_MAX);
	imap_sequence(&over, a);
	check_err("one too many", over.e, ERR_LIMIT);
	arena_free(&a);
}

static void sets_are_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(written); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		size_t count = 0;
		while (written[i].numbers[count] != 0)
			count++;
		imap_write_sequence(&b, written[i].numbers, count);
		check_written(written[i].name, &b, written[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_are_read_and_resolved),
		cmocka_unit_test(membership),
		cmocka_unit_test(too_many_ranges),
		cmocka_unit_test(sets_are_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
