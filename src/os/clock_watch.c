/* SPDX-License-Identifier: Apache-2.0 */
/* A timer on the calendar's clock that never comes due is cancelled when that clock is set: timerfd_create(2). */
#include "os/clock_watch.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/fd.h"

enum { FAR_AWAY = 1 << 30 }; /* seconds */

static err arm(const struct clock_watch *w)
{
	const struct itimerspec never = { .it_value.tv_sec = (time_t)clock_utc_seconds() + FAR_AWAY };
	return timerfd_settime(w->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) == 0 ? OK
												      : FAIL(SYSTEM);
}

bool clock_watch_compare(struct clock_watch *w, int64_t utc, int64_t ms, struct clock_jump *out)
{
	int64_t by = utc - w->utc - (ms - w->ms);
	w->utc = utc;
	w->ms = ms;
	if (by < CLOCK_JUMP_MIN_MS && by > -CLOCK_JUMP_MIN_MS)
		return false;
	*out = (struct clock_jump){ .forward = by > 0, .milliseconds = (uint64_t)(by > 0 ? by : -by) };
	return true;
}

static void on_timer(void *to, uint32_t events)
{
	struct clock_watch *w = to;
	struct clock_jump jump;
	uint64_t times;
	(void)events;
	ssize_t n = read(w->fd, &times, sizeof times);
	if (n < 0 && errno != ECANCELED)
		return;
	/* Armed before the clocks are read: what is set in between is seen now and told again, and then there is no jump. */
	if (failed(arm(w)))
		loop_remove(w->loop, &w->watch);
	if (clock_watch_compare(w, clock_utc_ms(), clock_ms(), &jump))
		w->fn(w->ctx, &jump);
}

err clock_watch_start(struct loop *l, struct clock_watch *w, clock_jump_fn *fn, void *ctx)
{
	*w = (struct clock_watch){ .watch.fd = -1, .loop = l, .fn = fn, .ctx = ctx };
	w->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	err e = w->fd >= 0 ? arm(w) : FAIL(SYSTEM);
	w->utc = clock_utc_ms();
	w->ms = clock_ms();
	if (!failed(e))
		e = loop_add(l, &w->watch, w->fd, EPOLLIN, on_timer, w);
	if (failed(e))
		fd_close(&w->fd);
	return e;
}

void clock_watch_stop(struct clock_watch *w)
{
	if (w->fd < 0)
		return;
	loop_remove(w->loop, &w->watch);
	fd_close(&w->fd);
}
