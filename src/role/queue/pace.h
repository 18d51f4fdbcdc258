/* SPDX-License-Identifier: Apache-2.0 */
/* The distance between the beginnings of two jobs of one destination, in milliseconds of any one clock. It comes when the
 * destination is busy: what it let through until then is what it bears, and each success brings the jobs a little closer,
 * until nothing holds them. A ceiling is a distance that never ends. */
#pragma once
#include <stdint.h>

#define PACE_NEVER INT64_MIN

struct pace {
	int64_t distance, ceiling; /* 0: none */
	int64_t begun;             /* the last job; PACE_NEVER: none has */
	int64_t stretch_from;      /* when it was last busy, later by the time in which it had nothing to do */
	unsigned stretch_n;        /* successes since then */
};

/* When the next job may begin; PACE_NEVER: none has begun, or nothing holds them. */
int64_t pace_next(const struct pace *p);
/* A job begins, and but for the distance it could have since then. */
void pace_begin(struct pace *p, int64_t since, int64_t now);
/* What was until that time says nothing about what it bears. */
void pace_stretch(struct pace *p, int64_t from);
void pace_succeeded(struct pace *p);
void pace_busy(struct pace *p, int64_t now);
