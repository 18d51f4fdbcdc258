/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/loop.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static struct loop *the_loop;

static int set_up(void **state)
{
	(void)state;
	return failed(loop_new(&the_loop)) ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(&the_loop);
	return 0;
}

/* ---- timers ---- */

enum { MANY = 100000 };
static struct loop_timer many[MANY];
static int64_t last_time;
static int fired;

static void in_order(void *ctx)
{
	const struct loop_timer *t = ctx;
	if (t->at < last_time)
		fail_msg("timer of %lld after %lld", (long long)t->at, (long long)last_time);
	last_time = t->at;
	fired++;
}

static void stop(void *ctx) { loop_stop(ctx); }

static void timers_in_order(void **state)
{
	(void)state;
	struct loop_timer end = { 0 };
	uint32_t seed = 1;
	last_time = 0;
	fired = 0;
	int64_t start = clock_ms();
	for (int i = 0; i < MANY; i++) {
		seed = seed * 1103515245 + 12345;
		loop_timer_start(the_loop, &many[i], seed >> 16 & 63, in_order, &many[i]);
	}
	for (int i = 0; i < MANY; i += 2)
		loop_timer_stop(the_loop, &many[i]);
	for (int i = 1; i < MANY; i += 4)
		loop_timer_start(the_loop, &many[i], 10, in_order, &many[i]);
	loop_timer_stop(the_loop, &many[0]);
	loop_timer_start(the_loop, &end, 500, stop, the_loop);
	check_err("run", loop_run(the_loop), ERR_NONE);
	assert_int_equal(fired, MANY / 2);
	assert_in_range(clock_ms() - start, 499, 20000);
}

static struct loop_timer again;
static int rounds;

static void without_delay(void *ctx)
{
	rounds++;
	loop_timer_start(ctx, &again, 0, without_delay, ctx);
}

static void stop_on_input(void *ctx, uint32_t events)
{
	assert_true((events & EPOLLIN) != 0);
	loop_stop(ctx);
}

static void busy_timer_leaves_room(void **state)
{
	(void)state;
	int fds[2];
	struct loop_watch w;
	rounds = 0;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	check_err("add", loop_add(the_loop, &w, fds[0], EPOLLIN, stop_on_input, the_loop), ERR_NONE);
	loop_timer_start(the_loop, &again, 0, without_delay, the_loop);
	assert_int_equal(write(fds[1], "x", 1), 1);
	check_err("run", loop_run(the_loop), ERR_NONE);
	loop_timer_stop(the_loop, &again);
	loop_remove(the_loop, &w);
	loop_remove(the_loop, &w);
	fd_close(&fds[0]);
	fd_close(&fds[1]);
}

/* ---- watches ---- */

struct end {
	struct loop_watch watch;
	int fds[2], called;
	struct end *other;
};

static void remove_the_other(void *ctx, uint32_t events)
{
	(void)events;
	struct end *e = ctx;
	e->called++;
	loop_remove(the_loop, &e->other->watch);
	loop_remove(the_loop, &e->watch);
}

static void removed_watch_is_silent(void **state)
{
	(void)state;
	struct end a = { .other = NULL }, b = { .other = &a };
	a.other = &b;
	struct end *both[] = { &a, &b };
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pipe2(both[i]->fds, O_CLOEXEC), 0);
		check_err("add", loop_add(the_loop, &both[i]->watch, both[i]->fds[0], 0, remove_the_other, both[i]),
			ERR_NONE);
		check_err("change", loop_change(the_loop, &both[i]->watch, EPOLLIN), ERR_NONE);
		assert_int_equal(write(both[i]->fds[1], "x", 1), 1);
	}
	struct loop_timer t = { 0 };
	loop_timer_start(the_loop, &t, 10, stop, the_loop);
	check_err("run", loop_run(the_loop), ERR_NONE);
	assert_int_equal(a.called + b.called, 1);
	for (int i = 0; i < 2; i++) {
		fd_close(&both[i]->fds[0]);
		fd_close(&both[i]->fds[1]);
	}
	check_err("a closed one", loop_add(the_loop, &a.watch, 1000000, EPOLLIN, remove_the_other, &a), ERR_SYSTEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(timers_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(busy_timer_leaves_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removed_watch_is_silent, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
