/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/turns.h"

#include "os/clock.h"
#include "role/queue/account.h"

enum {
	LEAST = 2,     /* processors are counted on */
	QUIET = 2,     /* turns for each of them when nobody brings mail, otherwise one for two of them */
	TURN_MS = 100, /* who has not stored it by then, perhaps for a slow disk, does not keep the others waiting */
	HELD_MS = 200, /* so long at most the first in line stays there for those who wait for our word */
	PAUSE_MS = 2,  /* none has waited for so long: it is over */
	ROOM = 8,      /* one part in so many of the memory for what waits is little */
};

/* Whether mail is being stored whose senders wait, and what is in line has neither stood there for too long nor takes too
 * much memory. */
static bool is_held(const struct queue *q)
{
	const struct turns *t = &q->turns;
	const int64_t now = clock_ms();
	const bool is_storing = t->storing > 0 || now - t->stored < PAUSE_MS;
	return is_storing && q->pool.kept < q->pool.kept_max / ROOM &&
	       (t->line.first == NULL || now - t->line.first->turn.since < HELD_MS);
}

static size_t most_turns(const struct queue *q)
{
	const size_t n = q->turns.processors > LEAST ? q->turns.processors : LEAST;
	if (q->incoming == 0)
		return n * QUIET;
	return is_held(q) ? 0 : n / 2;
}

static bool is_free(const struct queue *q) { return q->turns.running.count < most_turns(q); }

static void add(struct turn_list *l, struct account *a, enum turn_state state)
{
	a->turn = (struct turn){ .state = state, .since = clock_ms(), .before = l->last };
	*(l->last != NULL ? &l->last->turn.next : &l->first) = a;
	l->last = a;
	l->count++;
}

static void take_out(struct account *a)
{
	struct turns *t = &a->q->turns;
	struct turn_list *l = a->turn.state == TURN_HAS ? &t->running : &t->line;
	if (a->turn.state == TURN_NONE)
		return;
	*(a->turn.before != NULL ? &a->turn.before->turn.next : &l->first) = a->turn.next;
	*(a->turn.next != NULL ? &a->turn.next->turn.before : &l->last) = a->turn.before;
	l->count--;
	a->turn = (struct turn){ .state = TURN_NONE };
}

static void end_old(struct turns *t)
{
	const int64_t before = clock_ms() - TURN_MS;
	while (t->running.first != NULL && t->running.first->turn.since <= before)
		take_out(t->running.first);
}

static void go_on(struct queue *q);
static void on_timer(void *to);

/* When the one that has its turn may have had it for too long, or whether the line is held no more. */
static void look_again(struct queue *q)
{
	struct turns *t = &q->turns;
	const int64_t wait = t->running.first != NULL ? TURN_MS : PAUSE_MS;
	if (t->line.first != NULL && (!t->timer.running || t->timer.at > clock_ms() + wait))
		loop_timer_start(q->service->loop, &t->timer, wait, on_timer, q);
}

static void on_timer(void *to)
{
	struct queue *q = to;
	end_old(&q->turns);
	go_on(q);
}

/* Who does not want it any more leaves the line with it. */
static void go_on(struct queue *q)
{
	struct turns *t = &q->turns;
	if (t->called != NULL)
		return;
	while (t->line.first != NULL && is_free(q)) {
		t->called = t->line.first;
		take_out(t->called);
		account_pump(t->called);
	}
	t->called = NULL;
	look_again(q);
}

bool turn_take(struct account *a)
{
	struct turns *t = &a->q->turns;
	if (a->turn.state == TURN_HAS)
		return true;
	if (a->turn.state == TURN_WAITS)
		return false;
	const bool has = a == t->called || (t->line.first == NULL && is_free(a->q));
	add(has ? &t->running : &t->line, a, has ? TURN_HAS : TURN_WAITS);
	if (!has)
		look_again(a->q);
	return has;
}

void turn_end(struct account *a)
{
	take_out(a);
	go_on(a->q);
}

void turns_storing(struct queue *q) { q->turns.storing++; }

void turns_stored(struct queue *q)
{
	if (--q->turns.storing == 0)
		q->turns.stored = clock_ms();
}

void turns_stop(struct queue *q) { loop_timer_stop(q->service->loop, &q->turns.timer); }
