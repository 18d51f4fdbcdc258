/* SPDX-License-Identifier: Apache-2.0 */
/* Two clocks that are never mixed: one for intervals, which no administrator can set and which counts the time asleep,
 * and the calendar's, UTC, for what is stored and shown. */
#pragma once
#include <stdint.h>
#include <time.h>

/* Milliseconds since the machine started: deadlines, delays, durations. Never stored. */
static inline int64_t clock_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* UTC in milliseconds since 1970: log lines, INTERNALDATE, retry times. It may jump in either direction. */
static inline int64_t clock_utc_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static inline int64_t clock_utc_seconds(void) { return clock_utc_ms() / 1000; }
