/* SPDX-License-Identifier: Apache-2.0 */
/* Which destination gets the next job, and when. Decisions only: no clock, no channel, no store, so that tables and a
 * simulation can try them. Times are milliseconds of any one clock, given by the caller.
 *
 * Destinations take turns, one job each. How many jobs one may have at once grows with its successes and halves when it is
 * busy. One that has answered lately is PROVEN. One that has not been tried is FRESH and gets one job; the youngest goes
 * first, so that a thousand silent ones do not stand in the way of one that comes after them. One that failed, or was
 * silent while others waited, is SLOW. FRESH and SLOW ones together hold at most half of all jobs, SLOW ones a quarter.
 * One that is busy rests, and then its jobs keep a distance (pace.h).
 * Bulk mail comes after single mail, but is given every eighth turn, and never has more than three quarters of all jobs, nor
 * of those that FRESH and SLOW ones may have. */
#pragma once
#include "base/arena.h"
#include "base/hash.h"
#include "role/queue/pace.h"

enum { SCHEDULE_DESTINATIONS_MAX = 262144, SCHEDULE_JOBS_EACH = 20 };

enum schedule_standing { SCHEDULE_PROVEN, SCHEDULE_FRESH, SCHEDULE_SLOW, SCHEDULE_STANDINGS };
enum schedule_priority { SCHEDULE_SINGLE, SCHEDULE_BULK, SCHEDULE_PRIORITIES };

struct destination;
struct schedule_place {
	struct destination *next, *before;
	bool in;
};
struct schedule_ring {
	struct destination *first, *last;
};

struct destination {
	struct destination *same_bucket;
	struct schedule_place
		place[SCHEDULE_PRIORITIES + 1]; /* in the rings of the ready; the last: among those dialled */
	enum schedule_standing standing;
	bool has[SCHEDULE_PRIORITIES]; /* mail that may go now */
	bool was_next;                 /* and has its turn at once */
	unsigned out, bulk_out, limit, streak;
	unsigned failures, pauses;
	int64_t paused_until, proven_until;
	struct pace pace;
	int64_t ended; /* its last job */
	int64_t due;   /* when the caller wants it back; INT64_MAX: not */
	int64_t at;    /* when it is looked at again */
	size_t place_in_heap;
	void *mail; /* the caller's */
	uint8_t name_room;
	uint8_t name_n;
	char name[];
};
static inline str destination_name(const struct destination *d) { return str_from(d->name, d->name_n); }
/* How much of its mail is read from the store: as much as it may have under way, twice. */
static inline size_t destination_window(const struct destination *d) { return 2 * (size_t)d->limit; }

struct schedule;

/* Back-off: the first wait and the longest. */
struct schedule *schedule_new(const struct hash_key *key, int64_t retry_first, int64_t retry_max);
void schedule_free(struct schedule **s);

/* Names are compared without case and kept in lower case. NULL: it is not known; or, with make, there are
 * SCHEDULE_DESTINATIONS_MAX already, or the name is longer than 255. */
struct destination *schedule_find(struct schedule *s, str name);
struct destination *schedule_make(struct schedule *s, str name);
void schedule_forget(struct schedule *s, struct destination *d);
size_t schedule_count(const struct schedule *s);
/* The next of all destinations behind one; NULL: the first, and at the end. */
struct destination *schedule_walk(struct schedule *s, const struct destination *d);

/* Its jobs never begin closer to each other than so many milliseconds; 0: they may. */
void schedule_ceiling(struct schedule *s, struct destination *d, int64_t distance, int64_t now);

/* All jobs there can be at once, those out among them. */
void schedule_capacity(struct schedule *s, size_t jobs);
/* There is mail that may go, or there is none any more; and when there will be some. */
void schedule_offer(struct schedule *s, struct destination *d, enum schedule_priority p, bool has, int64_t now);
void schedule_due(struct schedule *s, struct destination *d, int64_t due, int64_t now);

/* Its turn came when its mail was still to be read, which it is now. If it went to the end of the row all others would be
 * read before it, and all of that would wait in memory. */
void schedule_was_next(struct schedule *s, struct destination *d, int64_t now);

/* Who is to get a job now; NULL: nobody may. */
struct destination *schedule_next(struct schedule *s, int64_t now, enum schedule_priority *p);
void schedule_sent(struct schedule *s, struct destination *d, enum schedule_priority p, int64_t now);
void schedule_ended(struct schedule *s, struct destination *d, enum schedule_priority p, int64_t now);
/* A fresh destination that has kept its job for a second without an answer while others have none; NULL: there is none. */
struct destination *schedule_recall(struct schedule *s, int64_t now);
/* When there will be one, if nothing else happens; INT64_MAX: not. */
int64_t schedule_recall_at(const struct schedule *s);

/* What became known of a destination. jitter: 0 .. 1000, thousandths of an eighth. */
void schedule_reached(struct schedule *s, struct destination *d, int64_t now);
void schedule_succeeded(struct schedule *s, struct destination *d, int64_t now);
void schedule_failed(struct schedule *s, struct destination *d, unsigned jitter, int64_t now);
void schedule_busy(struct schedule *s, struct destination *d, unsigned jitter, int64_t now);
void schedule_recalled(struct schedule *s, struct destination *d, int64_t now);
/* An administrator wants it tried now, and as fast as it may. Stored back-off is given back. */
void schedule_retry(struct schedule *s, struct destination *d, int64_t now);
void schedule_restore(struct schedule *s, struct destination *d, unsigned failures, int64_t until, int64_t now);

/* The wait after so many failures, at least one. */
int64_t schedule_wait(const struct schedule *s, unsigned failures, unsigned jitter);

/* The next destination whose time has come: its pause is over or its due is there, which is then INT64_MAX, or it is
 * idle. NULL: none by now; *next tells when. */
struct destination *schedule_tick(struct schedule *s, int64_t now, int64_t *next);
/* Nothing is known of it that must be kept. */
bool schedule_is_idle(const struct destination *d, int64_t now);
