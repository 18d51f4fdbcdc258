/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/checksum.h"

/* RFC 3720 B.4, and the sum of the digits that every description of a CRC gives. */
static void known_sums(void **state)
{
	char zeros[32] = { 0 }, ones[32], up[32];
	memset(ones, 0xff, sizeof ones);
	for (unsigned i = 0; i < sizeof up; i++)
		up[i] = (char)i;
	const struct {
		str bytes;
		uint32_t want;
	} cases[] = {
		{ S(""), 0 },
		{ S("123456789"), 0xe3069283 },
		{ str_from(zeros, sizeof zeros), 0x8a9136aa },
		{ str_from(ones, sizeof ones), 0x62a8ab43 },
		{ str_from(up, sizeof up), 0x46dd794e },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint32_t got = checksum_add(0, cases[i].bytes), slow = checksum_add_by_tables(0, cases[i].bytes);
		if (got != cases[i].want || slow != cases[i].want)
			fail_msg("case %zu: got %08x and %08x, want %08x", i, got, slow, cases[i].want);
	}
}

static void pieces_make_the_same_sum(void **state)
{
	const str text = S("Bytes that came in pieces have the sum of the whole, wherever they were cut.");
	(void)state;
	for (size_t cut = 0; cut <= text.n; cut++)
		assert_int_equal(checksum_add(checksum_add(0, str_slice(text, 0, cut)), str_after(text, cut)),
			checksum_add(0, text));
}

/* With and without the processor's instruction, of all lengths and from all places in a word. */
static void both_ways_agree(void **state)
{
	char bytes[100];
	(void)state;
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 37 + 11);
	for (size_t from = 0; from < sizeof(uint64_t); from++)
		for (size_t n = 0; n <= sizeof bytes - from; n++) {
			str some = str_from(bytes + from, n);
			assert_int_equal(checksum_add(77, some), checksum_add_by_tables(77, some));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_sums),
		cmocka_unit_test(pieces_make_the_same_sum),
		cmocka_unit_test(both_ways_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
