/* SPDX-License-Identifier: Apache-2.0 */
/* Tells when somebody sets the calendar's clock. What a time daemon does by and by, by making the clock a little faster or
 * slower, is not told. */
#pragma once
#include <stdbool.h>

#include "os/loop.h"

/* forward: the calendar went on by so many milliseconds more than time did; otherwise it was put back. */
struct clock_jump {
	bool forward;
	uint64_t milliseconds;
};

typedef void clock_jump_fn(void *ctx, const struct clock_jump *jump);

struct clock_watch {
	struct loop_watch watch;
	struct loop *loop;
	int fd;
	int64_t utc, ms; /* both clocks when they were read last, in milliseconds */
	clock_jump_fn *fn;
	void *ctx;
};

/* Smaller steps are those of a time daemon, and nobody needs to look at them. */
enum { CLOCK_JUMP_MIN_MS = 1000 };

/* The caller owns the structure, which must stay where it is. ERR_SYSTEM, with errno. */
err clock_watch_start(struct loop *l, struct clock_watch *w, clock_jump_fn *fn, void *ctx);
/* Harmless for one that was never started but for `fd = -1`. */
void clock_watch_stop(struct clock_watch *w);

/* Takes new readings of both clocks (clock_utc_ms(), clock_ms()); true: between them and the last ones the calendar's was
 * set. */
bool clock_watch_compare(struct clock_watch *w, int64_t utc, int64_t ms, struct clock_jump *out);
