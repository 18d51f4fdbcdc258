/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets one of few threads, and who gives one up: four of them, and so three places for mail for many. */
#include "check.h"
#include "role/sender/sender.h"

enum { THREADS = 4, PLACES = 3, MOST = 8 };
enum kind { SINGLE, BULK, ASKS };

static struct conf conf;
static struct sender sender;
static struct job mail_for_many = { .bulk = true }, mail = { .bulk = false };
static struct destination destinations[MOST];
static struct connection connections[MOST];
static size_t count;

static int begin(void **state)
{
	(void)state;
	conf = (struct conf){ .sender.sessions_max = THREADS };
	sender = (struct sender){ .conf = &conf, .greeted = PTHREAD_COND_INITIALIZER, .threads_idle = THREADS };
	count = 0;
	return 0;
}

static struct connection *greeted(enum kind kind)
{
	struct destination *d = &destinations[count];
	struct connection *c = &connections[count++];
	*d = (struct destination){ .asks = kind == ASKS, .first = kind == BULK ? &mail_for_many : &mail };
	*c = (struct connection){ .sender = &sender, .destination = d, .wake = PTHREAD_COND_INITIALIZER };
	turns_add(c);
	turns_make_room(&sender);
	return c;
}

/* What its thread does. */
static struct connection *taken(void)
{
	struct connection *c = turns_next(&sender);
	sender.threads_idle -= c != NULL;
	return c;
}

static struct connection *working(enum kind kind)
{
	struct connection *c = greeted(kind);
	assert_ptr_equal(taken(), c);
	return c;
}

static struct connection *lingering(enum kind kind)
{
	struct connection *c = working(kind);
	assert_true(turns_may_linger(c));
	turns_linger(c);
	return c;
}

static void ends(struct connection *c)
{
	sender.threads_idle++;
	turns_job(c, NULL);
}

static void test_order(void **state)
{
	(void)state;
	struct connection *bulk[PLACES + 1];
	for (size_t i = 0; i < COUNT(bulk); i++)
		bulk[i] = greeted(BULK);
	struct connection *single = greeted(SINGLE), *asks = greeted(ASKS);
	assert_ptr_equal(taken(), asks);
	assert_ptr_equal(taken(), single);
	assert_ptr_equal(taken(), bulk[0]);
	assert_ptr_equal(taken(), bulk[1]);
	assert_true(turns_lack_thread(&sender));
	ends(asks);
	assert_ptr_equal(taken(), bulk[2]);
	ends(single);
	assert_null(taken()); /* there is a thread, but no place */
	assert_false(turns_lack_thread(&sender));
	ends(bulk[0]);
	assert_ptr_equal(taken(), bulk[3]);
	assert_int_equal(sender.greeted_count, 0);
	assert_int_equal(sender.greeted_bulk, 0);
}

/* Mail for many waits for a place: whoever lingers in one gives it up, however many threads are idle; nobody else does. */
static void test_place(void **state)
{
	(void)state;
	struct connection *single = lingering(SINGLE), *first = lingering(BULK), *second = lingering(BULK);
	sender.threads_idle = THREADS;
	struct connection *at_work = working(BULK);
	assert_false(first->yields);
	greeted(BULK);
	assert_true(first->yields);
	assert_false(second->yields);
	assert_false(single->yields);
	assert_false(turns_may_linger(at_work));
	greeted(BULK);
	assert_true(second->yields);
	assert_false(single->yields);
}

/* Two wait for the one place that was left, before a thread took either of them. */
static void test_last_place(void **state)
{
	(void)state;
	struct connection *first = lingering(BULK), *second = lingering(BULK);
	sender.threads_idle = THREADS;
	struct connection *waits = greeted(BULK);
	assert_false(first->yields);
	greeted(BULK);
	assert_true(first->yields);
	assert_false(second->yields);
	assert_ptr_equal(taken(), waits);
	assert_null(taken());
}

/* Without idle threads the one that has waited longest gives way to anybody, but not one that asks or has got mail. */
static void test_thread(void **state)
{
	(void)state;
	struct connection *asks = lingering(ASKS), *given = lingering(SINGLE), *bulk = lingering(BULK),
			  *single = lingering(SINGLE);
	given->given = &mail;
	assert_int_equal(sender.threads_idle, 0);
	greeted(SINGLE);
	assert_true(bulk->yields);
	assert_false(single->yields);
	greeted(SINGLE);
	assert_true(single->yields);
	assert_false(asks->yields);
	assert_false(given->yields);
	assert_true(turns_may_linger(asks));
}

/* An idle thread that was woken for one is none for the next. */
static void test_one_thread_for_two(void **state)
{
	(void)state;
	struct connection *single = lingering(SINGLE);
	sender.threads_idle = 1;
	greeted(SINGLE);
	assert_false(turns_lack_thread(&sender));
	assert_false(single->yields);
	greeted(SINGLE);
	assert_true(turns_lack_thread(&sender));
	assert_true(single->yields);
}

/* A place becomes free while its connection goes on with other mail: whoever waits for it may need a thread. */
static void test_place_without_thread(void **state)
{
	(void)state;
	struct connection *bulk[PLACES], *single = lingering(SINGLE);
	for (size_t i = 0; i < PLACES; i++)
		bulk[i] = working(BULK);
	struct connection *waits = greeted(BULK);
	assert_int_equal(sender.threads_idle, 0);
	assert_false(single->yields);
	turns_job(bulk[0], &mail);
	assert_true(single->yields);
	turns_linger_end(single);
	ends(single);
	assert_ptr_equal(taken(), waits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order, begin),
		cmocka_unit_test_setup(test_place, begin),
		cmocka_unit_test_setup(test_last_place, begin),
		cmocka_unit_test_setup(test_thread, begin),
		cmocka_unit_test_setup(test_one_thread_for_two, begin),
		cmocka_unit_test_setup(test_place_without_thread, begin),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
