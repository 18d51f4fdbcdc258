/* SPDX-License-Identifier: Apache-2.0 */
/* What a person wants to know of a destination: how much it is given, how fast, and until when it is left alone. */
#include "role/queue/show.h"

#include "os/clock.h"
#include "role/queue/listing.h"

static const char *const standings[SCHEDULE_STANDINGS] = {
	[SCHEDULE_PROVEN] = "proven", [SCHEDULE_FRESH] = "fresh", [SCHEDULE_SLOW] = "slow"
};

static uint64_t count_of(int64_t n) { return n > 0 ? (uint64_t)n : 0; }

bool destination_show(struct remote *r, str domain, struct json *j)
{
	const struct destination *d = schedule_find(r->schedule, domain);
	if (d == NULL)
		return false;
	const int64_t now = clock_ms(), paced = pace_next(&d->pace);
	const int64_t next = paced > d->paused_until ? paced : d->paused_until;
	json_text(j, "destination", destination_name(d));
	json_text(j, "standing", str_of(standings[d->standing]));
	json_number(j, "jobs", d->out);
	json_number(j, "jobs_at_once", d->limit);
	json_number(j, "distance", count_of(d->pace.distance));
	json_number(j, "distance_of_route", count_of(d->pace.ceiling));
	json_number(j, "busy", d->pauses);
	json_number(j, "failures", d->failures);
	if (next > now)
		listing_put_time(j, "next", clock_utc_ms() + next - now);
	return true;
}
