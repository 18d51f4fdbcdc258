/* SPDX-License-Identifier: Apache-2.0 */
/* Every piece of work is done once, several at once where that is needed, and threads come and go. */
#include "check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "os/crew.h"

enum { STACK = 128 << 10, PIECES = 200, PATIENCE = 5 };

static atomic_uint done;

static void nap(long milliseconds)
{
	const struct timespec t = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
	nanosleep(&t, NULL);
}

static void wait_for(unsigned n)
{
	for (int i = 0; i < 5000 && atomic_load(&done) < n; i++)
		nap(1);
	assert_int_equal(atomic_load(&done), n);
}

static void count(void *to)
{
	atomic_fetch_add((atomic_uint *)to, 1);
	atomic_fetch_add(&done, 1);
}

/* A crew lives as long as its process; these are remembered, so that none counts as lost. */
static struct crew *new_crew(unsigned patience)
{
	static struct crew *all[4];
	static size_t count;
	assert_true(count < COUNT(all));
	all[count] = crew_new(STACK, patience);
	return all[count++];
}

static void each_once(void **state)
{
	static atomic_uint pieces[PIECES];
	struct crew *c = new_crew(PATIENCE);
	(void)state;
	atomic_store(&done, 0);
	for (unsigned i = 0; i < PIECES; i++) {
		check_err("run", crew_run(c, count, &pieces[i]), ERR_NONE);
		if (i % 50 == 49)
			nap(3 * PATIENCE); /* the threads end, and others are made */
	}
	wait_for(PIECES);
	for (unsigned i = 0; i < PIECES; i++)
		assert_int_equal(atomic_load(&pieces[i]), 1);
}

static pthread_barrier_t barrier;

static void meet(void *to)
{
	(void)to;
	pthread_barrier_wait(&barrier);
	atomic_fetch_add(&done, 1);
}

static void at_once(void **state)
{
	struct crew *c = new_crew(PATIENCE);
	(void)state;
	atomic_store(&done, 0);
	pthread_barrier_init(&barrier, NULL, 3);
	check_err("first", crew_run(c, meet, NULL), ERR_NONE);
	check_err("second", crew_run(c, meet, NULL), ERR_NONE);
	assert_true(atomic_load(&done) == 0);
	check_err("third", crew_run(c, meet, NULL), ERR_NONE);
	wait_for(3);
	nap(2 * PATIENCE);
	pthread_barrier_destroy(&barrier);
}

static pthread_t one, other;

static void who(void *to)
{
	*(pthread_t *)to = pthread_self();
	atomic_fetch_add(&done, 1);
}

static void the_same_thread_again(void **state)
{
	struct crew *c = new_crew(2000);
	(void)state;
	atomic_store(&done, 0);
	check_err("one", crew_run(c, who, &one), ERR_NONE);
	wait_for(1);
	nap(50);
	check_err("other", crew_run(c, who, &other), ERR_NONE);
	wait_for(2);
	assert_true(pthread_equal(one, other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_once),
		cmocka_unit_test(at_once),
		cmocka_unit_test(the_same_thread_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
