/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/turns.h"

#include "os/clock.h"
#include "role/queue/account.h"

enum {
	LEAST = 2,     /* processors are counted on */
	QUIET = 2,     /* turns for each of them when nobody brings mail, otherwise one for two of them */
	TURN_MS = 100, /* who has not stored it by then, perhaps for a slow disk, does not keep the others waiting */
};

static bool is_free(const struct queue *q)
{
	const size_t n = q->turns.processors > LEAST ? q->turns.processors : LEAST;
	return q->turns.running.count < (q->incoming > 0 ? n / 2 : n * QUIET);
}

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
	if (t->going_on)
		return;
	t->going_on = true;
	while (t->line.first != NULL && is_free(q)) {
		struct account *a = t->line.first;
		take_out(a);
		account_pump(a);
	}
	t->going_on = false;
	if (t->line.first != NULL && !t->timer.running)
		loop_timer_start(q->service->loop, &t->timer, TURN_MS, on_timer, q);
}

bool turn_take(struct account *a)
{
	struct turns *t = &a->q->turns;
	if (a->turn.state == TURN_HAS)
		return true;
	if (a->turn.state == TURN_WAITS)
		return false;
	const bool has = is_free(a->q) && (t->line.first == NULL || t->going_on);
	add(has ? &t->running : &t->line, a, has ? TURN_HAS : TURN_WAITS);
	if (!has && !t->timer.running)
		loop_timer_start(a->q->service->loop, &t->timer, TURN_MS, on_timer, a->q);
	return has;
}

void turn_end(struct account *a)
{
	take_out(a);
	go_on(a->q);
}

void turns_stop(struct queue *q) { loop_timer_stop(q->service->loop, &q->turns.timer); }
