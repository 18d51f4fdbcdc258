/* SPDX-License-Identifier: Apache-2.0 */
/* What a person wants to know of a destination: how much it is given, how fast, and until when it is left alone. */
#include "role/queue/show.h"

#include "os/clock.h"
#include "role/queue/listing.h"

static const char *const standings[SCHEDULE_STANDINGS] = {
	[SCHEDULE_PROVEN] = "proven", [SCHEDULE_FRESH] = "fresh", [SCHEDULE_SLOW] = "slow"
};

static uint64_t count_of(int64_t n) { return n > 0 ? (uint64_t)n : 0; }

static void put(const struct destination *d, struct json *j, uint64_t failures)
{
	json_text(j, "standing", str_of(standings[d->standing]));
	json_number(j, "jobs", d->out);
	json_number(j, "jobs_at_once", d->limit);
	json_number(j, "distance", count_of(d->pace.distance));
	json_number(j, "distance_of_route", count_of(d->pace.ceiling));
	json_number(j, "busy", d->pauses);
	json_number(j, "failures", failures);
}

static int64_t next_of(const struct destination *d)
{
	const int64_t now = clock_ms(), paced = pace_next(&d->pace);
	const int64_t next = paced > d->paused_until ? paced : d->paused_until;
	return next > now ? clock_utc_ms() + next - now : 0;
}

static bool has_looked(const struct destination *d)
{
	const struct mail *m = d->mail;
	return d->failures > 0 || m->looked_up;
}

void destination_put(
	struct remote *r, str domain, const struct spool_destination *stored, struct json *j, int64_t *next)
{
	const struct destination *d = schedule_find(r->schedule, domain);
	const bool counts = stored != NULL && (d == NULL || !has_looked(d));
	*next = d != NULL ? next_of(d) : 0;
	if (counts && stored->until > *next)
		*next = stored->until;
	if (d != NULL)
		put(d, j, counts ? stored->failures : d->failures);
	else if (counts)
		json_number(j, "failures", stored->failures);
}

bool destination_show(struct remote *r, str domain, struct json *j)
{
	const struct destination *d = schedule_find(r->schedule, domain);
	if (d == NULL)
		return false;
	json_text(j, "destination", destination_name(d));
	put(d, j, d->failures);
	const int64_t next = next_of(d);
	if (next > 0)
		listing_put_time(j, "next", next);
	return true;
}
