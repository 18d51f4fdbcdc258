/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets the next job: single decisions in tables, then whole days in a simulation. */
#include "role/queue/schedule.h"

#include <stdio.h>

#include "check.h"

enum { FIRST = 300000, LONGEST = 14400000 };

static const struct hash_key key = { { 1, 2 } };
static struct schedule *s;

static int begin(void **state)
{
	(void)state;
	s = schedule_new(&key, FIRST, LONGEST);
	schedule_capacity(s, 100);
	return 0;
}

static int finish(void **state)
{
	(void)state;
	schedule_free(&s);
	return 0;
}

static struct destination *make(const char *name)
{
	struct destination *d = schedule_make(s, str_of(name));
	assert_non_null(d);
	return d;
}

static struct destination *with_mail(const char *name, enum schedule_priority p, int64_t now)
{
	struct destination *d = make(name);
	schedule_offer(s, d, p, true, now);
	return d;
}

/* Gives the next job, to whom is returned. */
static struct destination *give(int64_t now)
{
	enum schedule_priority p;
	struct destination *d = schedule_next(s, now, &p);
	if (d != NULL)
		schedule_sent(s, d, p, now);
	return d;
}

static void test_waits(void **state)
{
	static const struct {
		unsigned failures, jitter;
		int64_t want;
	} cases[] = {
		{ 1, 0, FIRST },
		{ 2, 0, 2 * FIRST },
		{ 3, 0, 4 * FIRST },
		{ 6, 0, 32 * FIRST },
		{ 7, 0, LONGEST },
		{ 4000000000, 0, LONGEST },
		{ 1, 1000, FIRST + FIRST / 8 },
		{ 7, 1000, LONGEST + LONGEST / 8 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t got = schedule_wait(s, cases[i].failures, cases[i].jitter);
		if (got != cases[i].want)
			fail_msg("%u failures, jitter %u: %ld, want %ld", cases[i].failures, cases[i].jitter, got,
				cases[i].want);
	}
}

static void test_names(void **state)
{
	char longest[257];
	(void)state;
	memset(longest, 'x', sizeof longest);
	struct destination *d = make("Example.ORG");
	check_str("name", destination_name(d), S("example.org"));
	assert_ptr_equal(schedule_find(s, S("eXample.org")), d);
	assert_ptr_equal(make("example.org"), d);
	assert_null(schedule_make(s, str_from(longest, 256)));
	assert_non_null(schedule_make(s, str_from(longest, 255)));
	assert_int_equal(schedule_count(s), 2);
	schedule_forget(s, d);
	assert_null(schedule_find(s, S("example.org")));
	assert_int_equal(schedule_count(s), 1);
}

/* Each in turn, whatever one of them has waiting. */
static void test_turns(void **state)
{
	unsigned got[3] = { 0 };
	struct destination *d[3];
	static const char *const names[] = { "a.test", "b.test", "c.test" };
	(void)state;
	for (int i = 0; i < 3; i++) {
		d[i] = with_mail(names[i], SCHEDULE_SINGLE, 0);
		schedule_reached(s, d[i], 0);
	}
	for (int n = 0; n < 12; n++) {
		const struct destination *to = give(0);
		for (int i = 0; i < 3; i++)
			got[i] += to == d[i];
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(got[i], 4);
}

/* One that must be read first does not go behind all others, of which each would be read before any is sent. */
static void test_was_next(void **state)
{
	static const char *const names[] = { "a.test", "b.test", "c.test" };
	enum schedule_priority p;
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct destination *d = with_mail(names[i], SCHEDULE_SINGLE, 0);
		schedule_failed(s, d, 0, 0);
		schedule_retry(s, d, 1);
	}
	struct destination *d = schedule_next(s, 2, &p);
	schedule_offer(s, d, p, false, 2); /* it is being read */
	assert_ptr_not_equal(schedule_next(s, 3, &p), d);
	schedule_offer(s, d, p, true, 4);
	schedule_was_next(s, d, 4);
	assert_ptr_equal(give(5), d);
	assert_ptr_not_equal(give(5), d);
}

/* A pause ends its turn. */
static void test_was_next_before_a_pause(void **state)
{
	struct destination *d = with_mail("a.test", SCHEDULE_SINGLE, 0);
	struct destination *other = with_mail("b.test", SCHEDULE_SINGLE, 0);
	(void)state;
	schedule_reached(s, other, 0);
	schedule_reached(s, d, 0);
	schedule_was_next(s, d, 0);
	schedule_busy(s, d, 0, 0);
	int64_t next;
	while (schedule_tick(s, d->paused_until, &next) != NULL)
		;
	assert_ptr_equal(give(d->paused_until), other);
}

/* A fresh one gets one job; one that answers five, and more with every round of successes; one that is busy half. */
static void test_limits(void **state)
{
	struct destination *d = with_mail("a.test", SCHEDULE_SINGLE, 0);
	(void)state;
	assert_ptr_equal(give(0), d);
	assert_null(give(0));
	schedule_reached(s, d, 0);
	for (int i = 0; i < 4; i++)
		assert_ptr_equal(give(0), d);
	assert_null(give(0));
	for (int i = 0; i < 1000; i++)
		schedule_succeeded(s, d, 0);
	assert_int_equal(d->limit, SCHEDULE_JOBS_EACH);
	schedule_busy(s, d, 0, 10);
	assert_int_equal(d->limit, SCHEDULE_JOBS_EACH / 2);
	assert_null(give(10));
	schedule_busy(s, d, 0, 11); /* what is said together counts once */
	assert_int_equal(d->limit, SCHEDULE_JOBS_EACH / 2);
}

static void test_backs_off(void **state)
{
	struct destination *d = with_mail("a.test", SCHEDULE_SINGLE, 0);
	int64_t next;
	(void)state;
	assert_ptr_equal(give(0), d);
	schedule_failed(s, d, 0, 5);
	schedule_failed(s, d, 0, 6);
	schedule_ended(s, d, SCHEDULE_SINGLE, 6);
	assert_int_equal(d->failures, 1);
	assert_null(give(FIRST + 4));
	assert_null(schedule_tick(s, FIRST + 4, &next));
	assert_int_equal(next, FIRST + 5);
	assert_ptr_equal(schedule_tick(s, FIRST + 5, &next), d);
	assert_ptr_equal(give(FIRST + 5), d);
	schedule_failed(s, d, 0, FIRST + 6);
	schedule_ended(s, d, SCHEDULE_SINGLE, FIRST + 6);
	assert_null(give(3 * FIRST + 5));
	schedule_retry(s, d, 3 * FIRST + 5);
	assert_ptr_equal(give(3 * FIRST + 5), d);
	schedule_reached(s, d, 3 * FIRST + 6);
	assert_int_equal(d->failures, 0);
}

/* Those without a success hold half of the jobs, those that failed a quarter. */
static void test_shares(void **state)
{
	char name[32];
	unsigned fresh = 0, slow = 0;
	(void)state;
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "failed%d.test", i);
		struct destination *d = with_mail(name, SCHEDULE_SINGLE, 0);
		schedule_failed(s, d, 0, 0);
		schedule_retry(s, d, 0);
		snprintf(name, sizeof name, "fresh%d.test", i);
		with_mail(name, SCHEDULE_SINGLE, 0);
	}
	for (const struct destination *d; (d = give(0)) != NULL;) {
		slow += d->standing == SCHEDULE_SLOW;
		fresh += d->standing == SCHEDULE_FRESH;
	}
	assert_int_equal(slow, 25);
	assert_int_equal(fresh, 25);
	struct destination *good = with_mail("good.test", SCHEDULE_SINGLE, 0);
	schedule_reached(s, good, 0);
	assert_ptr_equal(give(0), good);
}

static void test_bulk_waits(void **state)
{
	unsigned single = 0, bulk = 0;
	(void)state;
	for (int i = 0; i < 20; i++) {
		char name[32];
		snprintf(name, sizeof name, "bulk%d.test", i);
		schedule_reached(s, with_mail(name, SCHEDULE_BULK, 0), 0);
		snprintf(name, sizeof name, "single%d.test", i);
		schedule_reached(s, with_mail(name, SCHEDULE_SINGLE, 0), 0);
	}
	for (int i = 0; i < 80; i++) {
		enum schedule_priority p;
		struct destination *d = schedule_next(s, 0, &p);
		assert_non_null(d);
		schedule_sent(s, d, p, 0);
		*(p == SCHEDULE_BULK ? &bulk : &single) += 1;
	}
	assert_int_equal(bulk, 10);
	assert_int_equal(single, 70);
	/* Alone it gets three quarters. */
	finish(NULL);
	begin(NULL);
	for (int i = 0; i < 40; i++) {
		char name[32];
		snprintf(name, sizeof name, "bulk%d.test", i);
		schedule_reached(s, with_mail(name, SCHEDULE_BULK, 0), 0);
	}
	for (bulk = 0; give(0) != NULL;)
		bulk++;
	assert_int_equal(bulk, 75);
	/* And three quarters of the half that those may have whom nobody has heard of: a single one goes at once. */
	finish(NULL);
	begin(NULL);
	for (int i = 0; i < 80; i++) {
		char name[32];
		snprintf(name, sizeof name, "bulk%d.test", i);
		with_mail(name, SCHEDULE_BULK, 0);
	}
	for (bulk = 0; give(0) != NULL;)
		bulk++;
	assert_int_equal(bulk, 37);
	const struct destination *d = with_mail("single.test", SCHEDULE_SINGLE, 0);
	assert_ptr_equal(give(0), d);
}

static void test_idle(void **state)
{
	struct destination *d = with_mail("a.test", SCHEDULE_SINGLE, 0);
	int64_t next;
	(void)state;
	assert_false(schedule_is_idle(d, 0));
	assert_ptr_equal(give(0), d);
	schedule_offer(s, d, SCHEDULE_SINGLE, false, 0);
	assert_false(schedule_is_idle(d, 0));
	schedule_succeeded(s, d, 0);
	schedule_ended(s, d, SCHEDULE_SINGLE, 0);
	assert_false(schedule_is_idle(d, 1000));
	assert_null(schedule_tick(s, 1000, &next));
	assert_ptr_equal(schedule_tick(s, next, &next), d);
	assert_true(schedule_is_idle(d, 600000));
	assert_int_equal(d->standing, SCHEDULE_FRESH);
}

/* ---- the simulation ---- */

enum { SILENT = 10000, CREDIT = 500, STEP = 50, SILENCE = 30000, ANSWER = 100 };

struct flight {
	struct destination *d;
	enum schedule_priority p;
	int64_t ends;
	bool good;
};
static struct flight flights[CREDIT];

static void land(struct flight *f, int64_t now)
{
	if (f->good)
		schedule_succeeded(s, f->d, now);
	else
		schedule_failed(s, f->d, 500, now);
	schedule_offer(s, f->d, SCHEDULE_SINGLE, !f->good, now);
	schedule_ended(s, f->d, f->p, now);
	f->d = NULL;
}

static void recall(int64_t now)
{
	for (struct destination *d; (d = schedule_recall(s, now)) != NULL;)
		for (size_t i = 0; i < CREDIT; i++)
			if (flights[i].d == d && !flights[i].good) {
				schedule_recalled(s, d, now);
				schedule_ended(s, d, flights[i].p, now);
				flights[i].d = NULL;
			}
}

/* One step of the sender's life; when the good one was sent to is told. */
static void step(int64_t now, const struct destination *good, int64_t *sent)
{
	int64_t next;
	for (size_t i = 0; i < CREDIT; i++)
		if (flights[i].d != NULL && flights[i].ends <= now)
			land(&flights[i], now);
	while (schedule_tick(s, now, &next) != NULL)
		;
	recall(now);
	for (size_t i = 0; i < CREDIT; i++) {
		enum schedule_priority p;
		if (flights[i].d != NULL)
			continue;
		struct destination *d = schedule_next(s, now, &p);
		if (d == NULL)
			break;
		schedule_sent(s, d, p, now);
		flights[i] = (struct flight){ d, p, now + (d == good ? ANSWER : SILENCE), d == good };
		if (d == good && *sent < 0)
			*sent = now;
	}
}

/* Ten thousand destinations accept and stay silent. At any time in their first ten minutes, mail for one that answers, never
 * heard of before, is sent within a second. */
static void test_silent_ones(void **state)
{
	static const int64_t arrivals[] = { 0, 100, 5000, 31000, 60000, 305000, 400000, 600000 };
	(void)state;
	for (size_t k = 0; k < sizeof arrivals / sizeof *arrivals; k++) {
		int64_t sent = -1;
		struct destination *good = NULL;
		finish(NULL);
		begin(NULL);
		memset(flights, 0, sizeof flights);
		schedule_capacity(s, CREDIT);
		for (int i = 0; i < SILENT; i++) {
			char name[32];
			snprintf(name, sizeof name, "silent%d.test", i);
			with_mail(name, SCHEDULE_SINGLE, 0);
		}
		for (int64_t now = 0; now < 700000 && sent < 0; now += STEP) {
			if (now >= arrivals[k] && good == NULL)
				good = with_mail("good.test", SCHEDULE_SINGLE, now);
			step(now, good, &sent);
		}
		if (sent < 0 || sent - arrivals[k] > 1000 + STEP)
			fail_msg("the good one came at %ld and was sent to at %ld", arrivals[k], sent);
	}
}

/* ---- the pace ---- */

/* A server that has `most` tickets and gets `more` of them back each `every` milliseconds. Without one it is busy; so
 * often at most in the last five minutes. */
struct limited {
	const char *label;
	int64_t most, more, every, busy_at_most;
};
static const struct limited limited[] = {
	{ "one a second", 1, 1, 1000, 20 },
	{ "one a second, some together", 10, 1, 1000, 20 },
	{ "one a second, a minute's together", 60, 1, 1000, 20 },
	{ "sixty in each minute", 60, 60, 60000, 20 },
	{ "ten in each ten seconds", 10, 10, 10000, 20 },
	{ "ten a second", 20, 1, 100, 150 },
	{ "two a minute", 1, 1, 30000, 20 },
};
enum { PACE_STEP = 10, MINUTE = 60000, TEN_MINUTES = 600000, IN_FLIGHT = 100 };

struct tally {
	int64_t tickets, taken, busy, busy_late, free_taken;
};

static void land_paced(struct flight *f, const struct destination *free_one, struct tally *t, int64_t now)
{
	if (f->good)
		schedule_succeeded(s, f->d, now);
	else
		schedule_busy(s, f->d, 500, now);
	if (f->d == free_one)
		t->free_taken++;
	else if (f->good)
		t->taken++;
	else
		t->busy++;
	if (!f->good && now >= TEN_MINUTES / 2)
		t->busy_late++;
	schedule_ended(s, f->d, f->p, now);
	f->d = NULL;
}

static void step_paced(const struct limited *l, const struct destination *free_one, struct tally *t, int64_t now)
{
	int64_t next;
	enum schedule_priority p;
	if (now > 0 && now % l->every == 0)
		t->tickets = t->tickets + l->more < l->most ? t->tickets + l->more : l->most;
	for (size_t i = 0; i < IN_FLIGHT; i++)
		if (flights[i].d != NULL && flights[i].ends <= now)
			land_paced(&flights[i], free_one, t, now);
	while (schedule_tick(s, now, &next) != NULL)
		;
	for (size_t i = 0; i < IN_FLIGHT; i++) {
		if (flights[i].d != NULL)
			continue;
		struct destination *d = schedule_next(s, now, &p);
		if (d == NULL)
			break;
		schedule_sent(s, d, p, now);
		flights[i] = (struct flight){ d, p, now + ANSWER, d == free_one || t->tickets > 0 };
		t->tickets -= d != free_one && t->tickets > 0;
	}
}

/* Whatever way a server counts, in ten minutes it gets most of what it allows, and soon is asked for little more; one beside
 * it that never was busy notices nothing. */
static void test_pace_settles(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof limited / sizeof *limited; k++) {
		const struct limited *l = &limited[k];
		struct tally t = { .tickets = l->most };
		finish(NULL);
		begin(NULL);
		memset(flights, 0, sizeof flights);
		with_mail("limited.test", SCHEDULE_SINGLE, 0);
		const struct destination *free_one = with_mail("free.test", SCHEDULE_SINGLE, 0);
		for (int64_t now = 0; now < TEN_MINUTES; now += PACE_STEP)
			step_paced(l, free_one, &t, now);
		int64_t allowed = TEN_MINUTES / l->every * l->more;
		if (t.taken * 10 < allowed * 8 || t.busy_late > l->busy_at_most)
			fail_msg("%s: %ld of %ld taken, busy %ld in five minutes", l->label, t.taken, allowed,
				t.busy_late);
		assert_int_equal(free_one->pace.distance, 0);
		assert_true(t.free_taken > TEN_MINUTES / ANSWER * (SCHEDULE_JOBS_EACH - 1));
	}
}

/* A distance is kept to the millisecond, wakes nobody but the schedule, and ends with successes. */
static void test_pace(void **state)
{
	struct destination *d = with_mail("a.test", SCHEDULE_SINGLE, 0);
	int64_t next;
	(void)state;
	assert_ptr_equal(give(0), d);
	for (int i = 0; i < 10; i++)
		schedule_succeeded(s, d, 0);
	schedule_busy(s, d, 0, 10000); /* ten in ten seconds, and an eighth */
	assert_int_equal(d->pace.distance, 1125);
	schedule_busy(s, d, 0, 10001); /* what is said together counts once */
	schedule_ended(s, d, SCHEDULE_SINGLE, 10001);
	assert_ptr_equal(schedule_tick(s, 11000, &next), d); /* the pause */
	assert_ptr_equal(give(11000), d);
	assert_null(give(11000));
	assert_null(schedule_tick(s, 12124, &next));
	assert_int_equal(next, 12125);
	assert_null(give(12124));
	assert_null(schedule_tick(s, 12125, &next));
	assert_ptr_equal(give(12125), d);
	schedule_busy(s, d, 0, 12126); /* without a success between it was not the distance */
	assert_int_equal(d->pace.distance, 1125);
	schedule_ended(s, d, SCHEDULE_SINGLE, 12126);
	schedule_ended(s, d, SCHEDULE_SINGLE, 12126);
	schedule_retry(s, d, 12126);
	assert_int_equal(d->pace.distance, 0);
	assert_ptr_equal(give(12126), d);
	schedule_busy(s, d, 0, 12127); /* it had no time to show what it bears */
	assert_int_equal(d->pace.distance, 22);
	for (int i = 0; i < 500; i++)
		schedule_succeeded(s, d, 12128);
	assert_int_equal(d->pace.distance, 0);
	assert_ptr_equal(give(12128), d);
	assert_ptr_equal(give(12128), d);
}

/* The time without mail is not the destination's: one that is busy again after a pause of ours is not made slower by it. */
static void test_pace_leaves_out_idle_time(void **state)
{
	struct destination *d = with_mail("a.test", SCHEDULE_SINGLE, 0);
	(void)state;
	assert_ptr_equal(give(0), d);
	schedule_succeeded(s, d, 100);
	schedule_ended(s, d, SCHEDULE_SINGLE, 100);
	assert_ptr_equal(give(500100), d);
	schedule_succeeded(s, d, 500200);
	schedule_ended(s, d, SCHEDULE_SINGLE, 500200);
	schedule_busy(s, d, 0, 500200);
	assert_int_equal(d->pace.distance, 100 + 100 / 8);
}

/* A ceiling holds from the first job on, and no success ends it. */
static void test_ceiling(void **state)
{
	struct destination *d = with_mail("a.test", SCHEDULE_BULK, 0);
	int64_t next;
	(void)state;
	schedule_ceiling(s, d, 1000, 0);
	for (int64_t now = 0; now < 100000; now += 1000) {
		assert_ptr_equal(give(now), d);
		schedule_succeeded(s, d, now + 1);
		schedule_ended(s, d, SCHEDULE_BULK, now + 1);
		assert_null(give(now + 999));
		assert_null(schedule_tick(s, now + 1000, &next));
	}
}

/* All that can be known of is kept apart and found again; the rest is refused. */
static void test_many(void **state)
{
	char name[32];
	(void)state;
	for (int i = 0; i < SCHEDULE_DESTINATIONS_MAX; i++) {
		snprintf(name, sizeof name, "d%d.test", i);
		if (schedule_make(s, str_of(name)) == NULL)
			fail_msg("no room for the destination %d", i);
	}
	assert_null(schedule_make(s, S("one-more.test")));
	struct destination *d = schedule_find(s, S("d77.test"));
	assert_non_null(d);
	schedule_forget(s, d);
	assert_non_null(schedule_make(s, S("one-more.test")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_waits, begin, finish),
		cmocka_unit_test_setup_teardown(test_names, begin, finish),
		cmocka_unit_test_setup_teardown(test_turns, begin, finish),
		cmocka_unit_test_setup_teardown(test_was_next, begin, finish),
		cmocka_unit_test_setup_teardown(test_was_next_before_a_pause, begin, finish),
		cmocka_unit_test_setup_teardown(test_limits, begin, finish),
		cmocka_unit_test_setup_teardown(test_backs_off, begin, finish),
		cmocka_unit_test_setup_teardown(test_shares, begin, finish),
		cmocka_unit_test_setup_teardown(test_bulk_waits, begin, finish),
		cmocka_unit_test_setup_teardown(test_idle, begin, finish),
		cmocka_unit_test_setup_teardown(test_silent_ones, begin, finish),
		cmocka_unit_test_setup_teardown(test_pace_settles, begin, finish),
		cmocka_unit_test_setup_teardown(test_pace, begin, finish),
		cmocka_unit_test_setup_teardown(test_pace_leaves_out_idle_time, begin, finish),
		cmocka_unit_test_setup_teardown(test_ceiling, begin, finish),
		cmocka_unit_test_setup_teardown(test_many, begin, finish),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
