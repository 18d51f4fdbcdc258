/* SPDX-License-Identifier: Apache-2.0 */
/* An epoll loop for roles without threads. The caller owns the watches and timers: they are members of its structures,
 * so adding one allocates nothing, and both must be removed before that memory goes. A callback may add, change and
 * remove any watch or timer, its own too; an event of a watch removed meanwhile is not delivered. One thread only. */
#pragma once
#include "base/err.h"

#include <stdint.h>
#include <sys/epoll.h>

struct loop;

typedef void loop_fn(void *ctx, uint32_t events);
typedef void loop_timer_fn(void *ctx);

struct loop_watch {
	int fd; /* stays the caller's; -1 when not in a loop */
	loop_fn *fn;
	void *ctx;
};

/* A place in a heap of timers; all zero when not running. */
struct loop_timer {
	int64_t at; /* clock_ms() */
	loop_timer_fn *fn;
	void *ctx;
	struct loop_timer *child, *next, *before; /* first child; next sibling; previous sibling or parent */
	bool running;
};

/* ERR_SYSTEM, with errno. */
err loop_new(struct loop **out);
/* Accepts NULL behind the pointer, leaves it there. Watches and timers still in it are forgotten, nothing is closed. */
void loop_free(struct loop **l);

/* events: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLET; EPOLLERR and EPOLLHUP always come. ERR_SYSTEM, with errno. */
err loop_add(struct loop *l, struct loop_watch *w, int fd, uint32_t events, loop_fn *fn, void *ctx);
err loop_change(struct loop *l, struct loop_watch *w, uint32_t events);
/* Harmless for a watch that is not in the loop. Call it before the descriptor is closed. */
void loop_remove(struct loop *l, struct loop_watch *w);

/* Runs fn once, that many milliseconds from now; a running timer is moved. O(1) to start, O(log n) on average to stop. */
void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t milliseconds, loop_timer_fn *fn, void *ctx);
void loop_timer_stop(struct loop *l, struct loop_timer *t);

/* Until loop_stop(). ERR_SYSTEM when epoll_wait fails. */
err loop_run(struct loop *l);
void loop_stop(struct loop *l);
