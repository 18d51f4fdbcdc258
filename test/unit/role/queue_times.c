/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of times against a plain list of the same. */
#include "role/queue/times.h"

#include <stdlib.h>

#include "check.h"
#include "role/queue/schedule.h"

enum { MOST = 200, STEPS = 20000 };

static struct destination *all[MOST], *heap[MOST];
static bool in[MOST];
static struct times times;

static int begin(void **state)
{
	(void)state;
	for (size_t i = 0; i < MOST; i++)
		if ((all[i] = calloc(1, sizeof *all[i])) == NULL)
			return -1;
	times = (struct times){ .heap = heap };
	return 0;
}

static int finish(void **state)
{
	(void)state;
	for (size_t i = 0; i < MOST; i++)
		free(all[i]);
	return 0;
}

static void enter(size_t i)
{
	all[i]->at = INT64_MAX;
	times_add(&times, all[i]);
	in[i] = true;
}

/* The first has the earliest time, none stands behind a later one, and each that is in is met once. */
static void check_all(void)
{
	const struct destination *first = times_first(&times);
	size_t count = 0, met = 0;
	for (size_t i = 0; i < MOST; i++) {
		count += in[i];
		if (in[i] && first->at > all[i]->at)
			fail_msg("%ld is first, and there is %ld", (long)first->at, (long)all[i]->at);
	}
	for (const struct destination *d = NULL; (d = times_walk(&times, d)) != NULL; met++) {
		assert_ptr_equal(heap[d->place_in_heap], d);
		assert_true(met == 0 || heap[(met - 1) / 2]->at <= d->at);
	}
	assert_int_equal(met, count);
	assert_int_equal(first != NULL, count > 0);
}

static void test_random(void **state)
{
	unsigned random = 7;
	(void)state;
	check_all();
	for (unsigned step = 0; step < STEPS; step++) {
		random = random * 1103515245 + 12345;
		size_t i = random / 65536 % MOST;
		if (!in[i]) {
			enter(i);
		} else if (random % 7 == 0) {
			times_remove(&times, all[i]);
			in[i] = false;
		} else {
			times_move(&times, all[i], random % 5 == 0 ? INT64_MAX : random / 1000 % 300);
		}
		check_all();
	}
}

/* Taken out one after the other they come in the order of their times. */
static void test_order(void **state)
{
	int64_t before = INT64_MIN;
	(void)state;
	for (size_t i = 0; i < MOST; i++) {
		in[i] = false;
		enter(i);
		times_move(&times, all[i], (int64_t)(i * 37 % MOST) - 50);
	}
	for (struct destination *d; (d = times_first(&times)) != NULL; times_remove(&times, d)) {
		assert_true(d->at >= before);
		before = d->at;
	}
	assert_int_equal(before, MOST - 51);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random, begin, finish),
		cmocka_unit_test_setup_teardown(test_order, begin, finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
