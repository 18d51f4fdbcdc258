/* SPDX-License-Identifier: Apache-2.0 */
#include "os/crew.h"

#include "base/arena.h"

#include <pthread.h>
#include <time.h>

enum { CREW_BUDGET = 1 << 20 }; /* some thousand hands */

struct hand {
	struct hand *next; /* of those that wait for work, or of those without a thread */
	struct crew *crew;
	pthread_cond_t called;
	void (*work)(void *to); /* NULL: none yet */
	void *to;
};

struct crew {
	struct arena *arena; /* holds it and its hands */
	pthread_mutex_t lock;
	struct hand *waiting, *unused;
	size_t stack_bytes;
	unsigned patience;
};

struct crew *crew_new(size_t stack_bytes, unsigned patience)
{
	struct arena *a = arena_new("crew", CREW_BUDGET);
	struct crew *c = NEW(a, struct crew, 1);
	pthread_mutex_init(&c->lock, NULL);
	c->arena = a;
	c->stack_bytes = stack_bytes;
	c->patience = patience;
	return c;
}

static struct hand *hand_new(struct crew *c)
{
	struct hand *h = NEW(c->arena, struct hand, 1);
	pthread_condattr_t monotonic;
	if (h == NULL)
		return NULL;
	h->crew = c;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&h->called, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return h;
}

static void leave(struct hand **list, struct hand *h)
{
	while (*list != h)
		list = &(*list)->next;
	*list = h->next;
}

/* With the lock held. The last who came is called first: its stack is still in the caches, and the others may end. */
static bool wait_for_work(struct hand *h)
{
	struct crew *c = h->crew;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += c->patience / 1000;
	until.tv_nsec += (long)(c->patience % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	h->next = c->waiting;
	c->waiting = h;
	while (h->work == NULL)
		if (pthread_cond_timedwait(&h->called, &c->lock, &until) != 0 && h->work == NULL) {
			leave(&c->waiting, h);
			return false;
		}
	return true;
}

static void *serve(void *to)
{
	struct hand *h = to;
	struct crew *c = h->crew;
	do {
		h->work(h->to);
		pthread_mutex_lock(&c->lock);
		h->work = NULL;
		bool has_more = wait_for_work(h);
		if (!has_more) {
			h->next = c->unused;
			c->unused = h;
		}
		pthread_mutex_unlock(&c->lock);
		if (!has_more)
			return NULL;
	} while (true);
}

static bool start_thread(struct hand *h)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, h->crew->stack_bytes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int failure = pthread_create(&thread, &attributes, serve, h);
	pthread_attr_destroy(&attributes);
	return failure == 0;
}

err crew_run(struct crew *c, void (*work)(void *to), void *to)
{
	pthread_mutex_lock(&c->lock);
	struct hand *h = c->waiting;
	bool has_thread = h != NULL;
	if (has_thread)
		c->waiting = h->next;
	else if ((h = c->unused) != NULL)
		c->unused = h->next;
	else
		h = hand_new(c);
	if (h != NULL) {
		h->work = work;
		h->to = to;
	}
	if (has_thread)
		pthread_cond_signal(&h->called);
	pthread_mutex_unlock(&c->lock);
	if (h == NULL)
		return FAIL(SYSTEM);
	if (has_thread || start_thread(h))
		return OK;
	pthread_mutex_lock(&c->lock);
	h->work = NULL;
	h->next = c->unused;
	c->unused = h;
	pthread_mutex_unlock(&c->lock);
	return FAIL(SYSTEM);
}
