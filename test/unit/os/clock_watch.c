/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/clock_watch.h"

static void check(const char *name, uint64_t got, uint64_t want)
{
	if (got != want)
		fail_msg("%s: got %llu, want %llu", name, (unsigned long long)got, (unsigned long long)want);
}

static void jumps_are_what_the_clocks_differ_by(void **state)
{
	static const struct {
		const char *name;
		int64_t utc, ms; /* both clocks went on by */
		bool is_jump, forward;
		uint64_t by;
	} cases[] = {
		{ "time passes", 60000, 60000, false, false, 0 },
		{ "a daemon steps", 61000, 60001, false, false, 0 },
		{ "a daemon steps back", 59001, 60000, false, false, 0 },
		{ "an hour forward", 3660000, 60000, true, true, 3600000 },
		{ "back to before the start", -86400000, 5, true, false, 86400005 },
		{ "the smallest", 1000, 0, true, true, 1000 },
		{ "the smallest back", -1000, 0, true, false, 1000 },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct clock_watch w = { .utc = 1800000000000, .ms = 5000 };
		struct clock_jump jump = { 0 };
		int64_t utc = w.utc + cases[i].utc, ms = w.ms + cases[i].ms;
		bool got = clock_watch_compare(&w, utc, ms, &jump);
		check(cases[i].name, got, cases[i].is_jump);
		check(cases[i].name, jump.forward, cases[i].forward);
		check(cases[i].name, jump.milliseconds, cases[i].by);
		assert_false(clock_watch_compare(&w, utc + 10, ms + 10, &jump)); /* told once */
	}
}

static struct clock_jump told;
static unsigned times;

static void on_jump(void *to, const struct clock_jump *jump)
{
	struct loop *l = to;
	told = *jump;
	times++;
	loop_stop(l);
}

static void give_up(void *to) { loop_stop(to); }

/* The clock of the machine stays as it is: the timer comes due instead of being cancelled, and the watch believes in
 * another calendar. */
static void what_the_descriptor_says_is_told(void **state)
{
	struct loop *l;
	struct clock_watch w;
	struct loop_timer timer = { 0 };
	(void)state;
	check_err("loop", loop_new(&l), ERR_NONE);
	check_err("start", clock_watch_start(l, &w, on_jump, l), ERR_NONE);
	struct itimerspec set = { 0 };
	assert_int_equal(timerfd_gettime(w.fd, &set), 0);
	assert_true(set.it_value.tv_sec > 1 << 29); /* it never comes due by itself */
	w.utc -= 7200000;
	const struct itimerspec at_once = { .it_value.tv_nsec = 1 };
	assert_int_equal(timerfd_settime(w.fd, 0, &at_once, NULL), 0);
	loop_timer_start(l, &timer, 5000, give_up, l);
	check_err("run", loop_run(l), ERR_NONE);
	assert_int_equal(times, 1);
	assert_true(told.forward);
	assert_in_range(told.milliseconds, 7199000, 7201000);
	assert_int_equal(timerfd_gettime(w.fd, &set), 0);
	assert_true(set.it_value.tv_sec > 1 << 29); /* and is armed again */
	loop_timer_stop(l, &timer);
	clock_watch_stop(&w);
	clock_watch_stop(&w);
	loop_free(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jumps_are_what_the_clocks_differ_by),
		cmocka_unit_test(what_the_descriptor_says_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
