/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/tally.h"

static const struct hash_key key = { { 1, 2 } };
static const struct tally_limits limits = { .all = 1000, .address = 3, .network = 5 };

static struct address address_of(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return (struct address){
		{ [10] = 0xff, [11] = 0xff, [12] = (uint8_t)a, [13] = (uint8_t)b, [14] = (uint8_t)c, [15] = (uint8_t)d }
	};
}

static void counts_addresses_and_networks(void **state)
{
	struct arena *a = arena_new("tally", 1 << 20);
	struct tally *t = tally_new(a, 1000, &key);
	struct address one = address_of(192, 0, 2, 1), two = address_of(192, 0, 2, 2),
		       far = address_of(198, 51, 100, 1);
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(tally_enter(t, &one, &limits), TALLY_WELCOME);
	assert_int_equal(tally_enter(t, &one, &limits), TALLY_ADDRESS);
	assert_int_equal(tally_of(t, &one), 3);
	assert_int_equal(tally_of(t, &two), 0);
	assert_int_equal(tally_enter(t, &two, &limits), TALLY_WELCOME);
	assert_int_equal(tally_enter(t, &two, &limits), TALLY_WELCOME);
	assert_int_equal(tally_enter(t, &two, &limits), TALLY_NETWORK);
	assert_int_equal(tally_enter(t, &far, &limits), TALLY_WELCOME);
	tally_leave(t, &one);
	assert_int_equal(tally_enter(t, &two, &limits), TALLY_WELCOME);
	assert_int_equal(tally_count(t), 6);
	arena_free(&a);
}

static void a_limit_of_nothing_is_none(void **state)
{
	struct arena *a = arena_new("tally", 1 << 20);
	struct tally *t = tally_new(a, 10, &key);
	const struct tally_limits only_all = { .all = 10 };
	struct address one = address_of(192, 0, 2, 1);
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(tally_enter(t, &one, &only_all), TALLY_WELCOME);
	assert_int_equal(tally_enter(t, &one, &only_all), TALLY_FULL);
	arena_free(&a);
}

/* Against a plain array, through many comings and goings. */
static void agrees_with_a_simple_count(void **state)
{
	enum { ADDRESSES = 64, STEPS = 20000 };
	const struct tally_limits wide = { .all = 400, .address = 9, .network = 40 };
	struct arena *a = arena_new("tally", 1 << 20);
	struct tally *t = tally_new(a, 400, &key);
	unsigned here[ADDRESSES] = { 0 }, near[8] = { 0 }, all = 0, seed = 1;
	(void)state;
	for (int i = 0; i < STEPS; i++) {
		seed = seed * 1103515245 + 12345;
		unsigned n = seed >> 16 & (ADDRESSES - 1);
		struct address who = address_of(10, 0, n / 8, n % 8);
		if ((seed >> 24 & 1) != 0) {
			bool welcome = all < wide.all && here[n] < wide.address && near[n / 8] < wide.network;
			assert_int_equal(tally_enter(t, &who, &wide) == TALLY_WELCOME, welcome);
			here[n] += welcome, near[n / 8] += welcome, all += welcome;
		} else if (here[n] > 0) {
			tally_leave(t, &who);
			here[n]--, near[n / 8]--, all--;
		}
		assert_int_equal(tally_count(t), all);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(counts_addresses_and_networks),
		cmocka_unit_test(a_limit_of_nothing_is_none), cmocka_unit_test(agrees_with_a_simple_count) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
