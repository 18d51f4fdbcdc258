/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/pace.h"

enum {
	LEAST_MS = 20, /* the first after it was busy */
	END_MS = 10,   /* below, there is none */
	MOST_MS = 60000,
	SLOWER = 8,   /* an eighth more than it bore */
	FASTER = 128, /* this part less after each success */
};

int64_t pace_next(const struct pace *p)
{
	int64_t distance = p->distance > p->ceiling ? p->distance : p->ceiling;
	return distance > 0 && p->begun != PACE_NEVER ? p->begun + distance : PACE_NEVER;
}

void pace_stretch(struct pace *p, int64_t from)
{
	p->stretch_from = from;
	p->stretch_n = 0;
}

/* That it had no mail, or was not given its turn, says nothing about the destination. */
static void leave_out_idle_time(struct pace *p, int64_t since, int64_t now)
{
	int64_t next = pace_next(p);
	int64_t idle_from = since > next ? since : next;
	if (p->begun == PACE_NEVER)
		pace_stretch(p, now);
	else if (idle_from < now)
		p->stretch_from += now - idle_from;
}

void pace_begin(struct pace *p, int64_t since, int64_t now)
{
	leave_out_idle_time(p, since, now);
	p->begun = now;
}

void pace_succeeded(struct pace *p)
{
	p->stretch_n++;
	p->distance -= (p->distance + FASTER - 1) / FASTER;
	if (p->distance < END_MS)
		p->distance = 0;
}

/* From one time that it was busy to the next it let through what it allows, whatever way it counts: the pauses between
 * are part of that. Without a success in between it was not the distance, and the pause grows. */
void pace_busy(struct pace *p, int64_t now)
{
	int64_t each = p->distance > LEAST_MS ? p->distance : LEAST_MS;
	if (p->stretch_n == 0 && p->distance > 0)
		return;
	if (p->stretch_n > 0 && (now - p->stretch_from) / p->stretch_n > each)
		each = (now - p->stretch_from) / p->stretch_n;
	each += each / SLOWER;
	p->distance = each < MOST_MS ? each : MOST_MS;
	pace_stretch(p, now);
}
