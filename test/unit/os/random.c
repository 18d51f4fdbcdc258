/* SPDX-License-Identifier: Apache-2.0 */
#include "os/random.h"

#include <string.h>

#include "check.h"
#include "os/clock.h"

enum { NAMES = 1000, TIME_BYTES = 6 };

static int64_t time_of(const uint8_t *name)
{
	int64_t time = 0;
	for (unsigned i = 0; i < TIME_BYTES; i++)
		time = time << 8 | name[i];
	return time;
}

/* A name begins with the time; behind it two are never the same, and no bit stays as it is. */
static void names(void **state)
{
	static uint8_t name[NAMES][RANDOM_NAME];
	uint8_t seen_set[RANDOM_NAME] = { 0 }, seen_clear[RANDOM_NAME] = { 0 };
	(void)state;
	int64_t first = clock_utc_ms();
	for (unsigned i = 0; i < NAMES; i++)
		random_name(name[i]);
	int64_t last = clock_utc_ms();
	for (unsigned i = 0; i < NAMES; i++) {
		int64_t time = time_of(name[i]);
		if (time < first || time > last)
			fail_msg("name %u has the time %lld, want %lld to %lld", i, (long long)time, (long long)first,
				(long long)last);
		for (unsigned k = TIME_BYTES; k < RANDOM_NAME; k++) {
			seen_set[k] |= name[i][k];
			seen_clear[k] |= (uint8_t)~name[i][k];
		}
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(
				memcmp(name[i] + TIME_BYTES, name[k] + TIME_BYTES, RANDOM_NAME - TIME_BYTES), 0);
	}
	for (unsigned k = TIME_BYTES; k < RANDOM_NAME; k++)
		assert_true(seen_set[k] == 0xff && seen_clear[k] == 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
	};
	return cmocka_run_group_tests_name("os/random", tests, NULL, NULL);
}
