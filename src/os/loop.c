/* SPDX-License-Identifier: Apache-2.0 */
/* Timers stand in a pairing heap: intrusive, so that starting one cannot fail, and without recursion. */
#include "os/loop.h"

#include "base/arena.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <limits.h>

enum { BATCH = 64, ARENA_SLACK = 64, TIMERS_IN_A_ROUND = 1000 };

struct loop {
	struct arena *arena;
	int epoll;
	bool stopped;
	struct loop_timer *first;
	struct epoll_event batch[BATCH]; /* data.ptr is NULL once its watch was removed */
	int batch_at, batch_count;
};

err loop_new(struct loop **out)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return FAIL(SYSTEM);
	struct arena *a = arena_new("loop", sizeof(struct loop) + ARENA_SLACK);
	struct loop *l = NEW(a, struct loop, 1);
	*l = (struct loop){ .arena = a, .epoll = epoll };
	*out = l;
	return OK;
}

void loop_free(struct loop **l)
{
	if (*l == NULL)
		return;
	fd_close(&(*l)->epoll);
	struct arena *a = (*l)->arena;
	*l = NULL;
	arena_free(&a);
}

/* ---- watches ---- */

static err control(struct loop *l, int operation, struct loop_watch *w, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = w };
	return epoll_ctl(l->epoll, operation, w->fd, &e) < 0 ? FAIL(SYSTEM) : OK;
}

err loop_add(struct loop *l, struct loop_watch *w, int fd, uint32_t events, loop_fn *fn, void *ctx)
{
	*w = (struct loop_watch){ .fd = fd, .fn = fn, .ctx = ctx };
	err e = control(l, EPOLL_CTL_ADD, w, events);
	if (failed(e))
		w->fd = -1;
	return e;
}

err loop_change(struct loop *l, struct loop_watch *w, uint32_t events) { return control(l, EPOLL_CTL_MOD, w, events); }

void loop_remove(struct loop *l, struct loop_watch *w)
{
	if (w->fn == NULL || w->fd < 0)
		return;
	IGNORE(control(l, EPOLL_CTL_DEL, w, 0)); /* a descriptor closed too early has left already */
	for (int i = l->batch_at; i < l->batch_count; i++)
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
	w->fd = -1;
}

/* ---- timers ---- */

/* Two heaps become one: the later root becomes the first child of the earlier. */
static struct loop_timer *meld(struct loop_timer *a, struct loop_timer *b)
{
	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	if (b->at < a->at) {
		struct loop_timer *t = a;
		a = b;
		b = t;
	}
	b->next = a->child;
	if (b->next != NULL)
		b->next->before = b;
	b->before = a;
	a->child = b;
	return a;
}

/* The siblings become one heap: melded in pairs from the left, then all pairs from the right. */
static struct loop_timer *meld_siblings(struct loop_timer *list)
{
	struct loop_timer *pairs = NULL, *heap = NULL;
	while (list != NULL) {
		struct loop_timer *a = list, *b = a->next;
		list = b != NULL ? b->next : NULL;
		a->next = a->before = NULL;
		if (b != NULL)
			b->next = b->before = NULL;
		a = meld(a, b);
		a->next = pairs;
		pairs = a;
	}
	while (pairs != NULL) {
		struct loop_timer *a = pairs;
		pairs = a->next;
		a->next = NULL;
		heap = meld(heap, a);
	}
	return heap;
}

void loop_timer_stop(struct loop *l, struct loop_timer *t)
{
	if (!t->running)
		return;
	struct loop_timer *below = meld_siblings(t->child);
	if (t == l->first) {
		l->first = below;
	} else {
		if (t->before->child == t)
			t->before->child = t->next;
		else
			t->before->next = t->next;
		if (t->next != NULL)
			t->next->before = t->before;
		l->first = meld(l->first, below);
	}
	t->child = t->next = t->before = NULL;
	t->running = false;
}

void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t milliseconds, loop_timer_fn *fn, void *ctx)
{
	loop_timer_stop(l, t);
	*t = (struct loop_timer){ .at = clock_ms() + milliseconds, .fn = fn, .ctx = ctx, .running = true };
	l->first = meld(l->first, t);
}

/* A timer that fn starts anew with no delay would run forever here: only so many in a round, then descriptors again. */
static void run_timers(struct loop *l)
{
	int64_t now = l->first != NULL ? clock_ms() : 0;
	for (int i = 0; i < TIMERS_IN_A_ROUND && !l->stopped && l->first != NULL && l->first->at <= now; i++) {
		struct loop_timer *t = l->first;
		loop_timer_stop(l, t);
		t->fn(t->ctx);
	}
}

/* ---- the loop ---- */

static int until_next_timer(const struct loop *l)
{
	if (l->first == NULL)
		return -1;
	int64_t left = l->first->at - clock_ms();
	if (left < 0)
		return 0;
	return left > INT_MAX ? INT_MAX : (int)left;
}

err loop_run(struct loop *l)
{
	l->stopped = false;
	while (!l->stopped) {
		int count = epoll_wait(l->epoll, l->batch, BATCH, until_next_timer(l));
		if (count < 0 && errno != EINTR)
			return FAIL(SYSTEM);
		l->batch_count = count;
		for (l->batch_at = 0; l->batch_at < l->batch_count && !l->stopped;) {
			struct epoll_event e = l->batch[l->batch_at++];
			struct loop_watch *w = e.data.ptr;
			if (w != NULL)
				w->fn(w->ctx, e.events);
		}
		l->batch_at = l->batch_count = 0;
		run_timers(l);
	}
	return OK;
}

void loop_stop(struct loop *l) { l->stopped = true; }
