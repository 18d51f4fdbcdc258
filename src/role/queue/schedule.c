/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/schedule.h"

#include "role/queue/times.h"

enum {
	BUCKETS = 65536,
	NAME_ROOMS = 4, /* rooms of 32, 64, 128, 256 bytes */
	NAME_ROOM = 32,
	NAME_MAX_BYTES = 255,
	BUDGET = 192 << 20,
	FIRST_LIMIT = 5,
	PROVEN_MS = 600000,
	SILENT_MS = 1000,  /* without an answer, while others wait */
	RECALL_MS = 10000, /* then it waits that long */
	BUSY_MS = 1000,
	BULK_TURN = 8,
	OLDEST_TURN = 4,
	DIALLED = SCHEDULE_PRIORITIES, /* the place among those dialled */
};

struct schedule {
	struct arena *arena;
	struct hash_key key;
	int64_t retry_first, retry_max;
	struct destination *buckets[BUCKETS];
	struct destination *unused[NAME_ROOMS];
	size_t count;
	struct schedule_ring ready[SCHEDULE_PRIORITIES][SCHEDULE_STANDINGS], dialled;
	size_t capacity, out[SCHEDULE_STANDINGS], bulk_out[SCHEDULE_STANDINGS];
	unsigned turn, standing_turn[SCHEDULE_PRIORITIES];
	struct times times;
};

struct schedule *schedule_new(const struct hash_key *key, int64_t retry_first, int64_t retry_max)
{
	struct arena *a = arena_new("schedule", BUDGET);
	struct schedule *s = NEW(a, struct schedule, 1);
	*s = (struct schedule){ .arena = a, .key = *key, .retry_first = retry_first, .retry_max = retry_max };
	s->times.heap = NEW(a, struct destination *, SCHEDULE_DESTINATIONS_MAX);
	return s;
}

void schedule_free(struct schedule **s)
{
	if (*s == NULL)
		return;
	struct arena *a = (*s)->arena;
	*s = NULL;
	arena_free(&a);
}

/* ---- rings ---- */

static void ring_add(struct schedule_ring *r, struct destination *d, size_t which, bool in_front)
{
	struct schedule_place *p = &d->place[which];
	struct destination *beside = in_front ? r->first : r->last;
	*p = (struct schedule_place){
		.next = in_front ? beside : NULL,
		.before = in_front ? NULL : beside,
		.in = true,
	};
	if (beside == NULL)
		r->first = r->last = d;
	else if (in_front)
		r->first = beside->place[which].before = d;
	else
		r->last = beside->place[which].next = d;
}

static void ring_remove(struct schedule_ring *r, struct destination *d, size_t which)
{
	struct schedule_place *p = &d->place[which];
	if (!p->in)
		return;
	*(p->before != NULL ? &p->before->place[which].next : &r->first) = p->next;
	*(p->next != NULL ? &p->next->place[which].before : &r->last) = p->before;
	*p = (struct schedule_place){ .in = false };
}

static void leave_rings(struct schedule *s, struct destination *d)
{
	for (size_t p = 0; p < SCHEDULE_PRIORITIES; p++)
		ring_remove(&s->ready[p][d->standing], d, p);
}

static void set_standing(struct schedule *s, struct destination *d, enum schedule_standing standing)
{
	if (d->standing == standing)
		return;
	leave_rings(s, d);
	ring_remove(&s->dialled, d, DIALLED);
	s->out[d->standing] -= d->out;
	s->out[standing] += d->out;
	s->bulk_out[d->standing] -= d->bulk_out;
	s->bulk_out[standing] += d->bulk_out;
	d->standing = standing;
	if (standing == SCHEDULE_PROVEN && d->limit < FIRST_LIMIT)
		d->limit = FIRST_LIMIT;
	if (standing != SCHEDULE_PROVEN)
		d->limit = 1;
}

/* ---- where it belongs ---- */

static int64_t when(const struct destination *d, int64_t now)
{
	int64_t at = d->due;
	if (d->paused_until > now)
		return d->paused_until;
	if (d->standing == SCHEDULE_PROVEN && d->proven_until < at)
		at = d->proven_until;
	bool waits = (d->has[SCHEDULE_SINGLE] || d->has[SCHEDULE_BULK]) && d->out < d->limit;
	int64_t next = pace_next(&d->pace);
	return waits && next > now && next < at ? next : at;
}

/* Into the rings where it belongs now, or out of them; and to its time. */
static void settle(struct schedule *s, struct destination *d, int64_t now)
{
	d->was_next &= now >= d->paused_until;
	bool may = now >= d->paused_until && now >= pace_next(&d->pace) && d->out < d->limit;
	for (size_t p = 0; p < SCHEDULE_PRIORITIES; p++) {
		struct schedule_ring *r = &s->ready[p][d->standing];
		if (!may || !d->has[p])
			ring_remove(r, d, p);
		else if (!d->place[p].in)
			ring_add(r, d, p, d->standing == SCHEDULE_FRESH || d->was_next);
	}
	times_move(&s->times, d, when(d, now));
}

/* ---- destinations ---- */

static struct destination **bucket(struct schedule *s, str lower)
{
	return &s->buckets[hash_of(&s->key, lower) % BUCKETS];
}

static struct destination *find(struct schedule *s, str lower)
{
	struct destination *d = *bucket(s, lower);
	while (d != NULL && !str_eq(destination_name(d), lower))
		d = d->same_bucket;
	return d;
}

static bool lower_name(str name, char room[NAME_MAX_BYTES], str *out)
{
	if (name.n > NAME_MAX_BYTES)
		return false;
	for (size_t i = 0; i < name.n; i++)
		room[i] = ascii_lower(name.p[i]);
	*out = str_from(room, name.n);
	return true;
}

struct destination *schedule_find(struct schedule *s, str name)
{
	char room[NAME_MAX_BYTES];
	str lower;
	return lower_name(name, room, &lower) ? find(s, lower) : NULL;
}

static struct destination *new_destination(struct schedule *s, str lower)
{
	uint8_t size = 0;
	while ((size_t)NAME_ROOM << size < lower.n)
		size++;
	struct destination *d = s->unused[size];
	if (d != NULL)
		s->unused[size] = d->same_bucket;
	else
		d = arena_get(s->arena, sizeof *d + ((size_t)NAME_ROOM << size), 1);
	if (d == NULL)
		return NULL;
	*d = (struct destination){
		.standing = SCHEDULE_FRESH,
		.limit = 1,
		.due = INT64_MAX,
		.at = INT64_MAX,
		.pace = { .begun = PACE_NEVER },
	};
	d->name_room = size;
	d->name_n = (uint8_t)lower.n;
	if (lower.n > 0)
		memcpy(d->name, lower.p, lower.n);
	return d;
}

struct destination *schedule_make(struct schedule *s, str name)
{
	char room[NAME_MAX_BYTES];
	str lower;
	if (!lower_name(name, room, &lower))
		return NULL;
	struct destination *d = find(s, lower);
	if (d != NULL || s->count == SCHEDULE_DESTINATIONS_MAX)
		return d;
	d = new_destination(s, lower);
	if (d == NULL)
		return NULL;
	struct destination **at = bucket(s, lower);
	d->same_bucket = *at;
	*at = d;
	s->count++;
	times_add(&s->times, d);
	return d;
}

void schedule_forget(struct schedule *s, struct destination *d)
{
	struct destination **at = bucket(s, destination_name(d));
	while (*at != d)
		at = &(*at)->same_bucket;
	*at = d->same_bucket;
	leave_rings(s, d);
	ring_remove(&s->dialled, d, DIALLED);
	times_remove(&s->times, d);
	s->out[d->standing] -= d->out;
	s->bulk_out[d->standing] -= d->bulk_out;
	s->count--;
	d->same_bucket = s->unused[d->name_room];
	s->unused[d->name_room] = d;
}

size_t schedule_count(const struct schedule *s) { return s->count; }

struct destination *schedule_walk(struct schedule *s, const struct destination *d) { return times_walk(&s->times, d); }

void schedule_ceiling(struct schedule *s, struct destination *d, int64_t distance, int64_t now)
{
	d->pace.ceiling = distance;
	settle(s, d, now);
}

/* ---- who is next ---- */

void schedule_capacity(struct schedule *s, size_t jobs) { s->capacity = jobs; }

void schedule_offer(struct schedule *s, struct destination *d, enum schedule_priority p, bool has, int64_t now)
{
	d->has[p] = has;
	settle(s, d, now);
}

void schedule_due(struct schedule *s, struct destination *d, int64_t due, int64_t now)
{
	d->due = due;
	settle(s, d, now);
}

void schedule_was_next(struct schedule *s, struct destination *d, int64_t now)
{
	leave_rings(s, d);
	d->was_next = true;
	settle(s, d, now);
}

static size_t share(size_t whole, size_t n, size_t of) { return whole * n / of > 0 ? whole * n / of : 1; }

static bool has_room(const struct schedule *s, enum schedule_standing standing)
{
	size_t unproven = s->out[SCHEDULE_FRESH] + s->out[SCHEDULE_SLOW];
	if (s->out[SCHEDULE_PROVEN] + unproven >= s->capacity)
		return false;
	if (standing != SCHEDULE_PROVEN && unproven >= share(s->capacity, 1, 2))
		return false;
	return standing != SCHEDULE_SLOW || s->out[SCHEDULE_SLOW] < share(s->capacity, 1, 4);
}

/* What one writes to another finds room, also for whom nobody has heard of, whatever is sent to many. */
static bool has_room_for(const struct schedule *s, enum schedule_standing standing, enum schedule_priority p)
{
	size_t unproven = s->bulk_out[SCHEDULE_FRESH] + s->bulk_out[SCHEDULE_SLOW];
	if (p == SCHEDULE_BULK && s->bulk_out[SCHEDULE_PROVEN] + unproven >= share(s->capacity, 3, 4))
		return false;
	if (p == SCHEDULE_BULK && standing != SCHEDULE_PROVEN && unproven >= share(s->capacity, 3, 8))
		return false;
	return has_room(s, standing);
}

static struct destination *take_turn(struct schedule *s, enum schedule_priority p)
{
	for (unsigned i = 0; i < SCHEDULE_STANDINGS; i++) {
		enum schedule_standing standing = (s->standing_turn[p] + i) % SCHEDULE_STANDINGS;
		const struct schedule_ring *r = &s->ready[p][standing];
		if (r->first == NULL || !has_room_for(s, standing, p))
			continue;
		s->standing_turn[p] = (standing + 1) % SCHEDULE_STANDINGS;
		return standing == SCHEDULE_FRESH && s->turn % OLDEST_TURN == 0 ? r->last : r->first;
	}
	return NULL;
}

struct destination *schedule_next(struct schedule *s, int64_t now, enum schedule_priority *p)
{
	enum schedule_priority first = s->turn % BULK_TURN == BULK_TURN - 1 ? SCHEDULE_BULK : SCHEDULE_SINGLE;
	(void)now;
	for (unsigned i = 0; i < SCHEDULE_PRIORITIES; i++) {
		enum schedule_priority which = (first + i) % SCHEDULE_PRIORITIES;
		struct destination *d = take_turn(s, which);
		if (d == NULL)
			continue;
		s->turn++;
		*p = which;
		return d;
	}
	return NULL;
}

/* Since when, whatever its pace, it could have been given a job that it is given now. */
static int64_t could_begin(const struct destination *d, int64_t now)
{
	if (d->out > 0)
		return now;
	return d->ended > d->paused_until ? d->ended : d->paused_until;
}

void schedule_sent(struct schedule *s, struct destination *d, enum schedule_priority p, int64_t now)
{
	pace_begin(&d->pace, could_begin(d, now), now);
	d->out++;
	s->out[d->standing]++;
	s->bulk_out[d->standing] += p == SCHEDULE_BULK;
	d->bulk_out += p == SCHEDULE_BULK;
	leave_rings(s, d); /* to the end of the row */
	d->was_next = false;
	if (d->standing == SCHEDULE_FRESH && !d->place[DIALLED].in)
		ring_add(&s->dialled, d, DIALLED, false);
	settle(s, d, now);
}

void schedule_ended(struct schedule *s, struct destination *d, enum schedule_priority p, int64_t now)
{
	d->out--;
	d->ended = now;
	s->out[d->standing]--;
	s->bulk_out[d->standing] -= p == SCHEDULE_BULK;
	d->bulk_out -= p == SCHEDULE_BULK;
	if (d->out == 0)
		ring_remove(&s->dialled, d, DIALLED);
	settle(s, d, now);
}

int64_t schedule_recall_at(const struct schedule *s)
{
	const struct destination *d = s->dialled.first;
	bool waits = false;
	for (enum schedule_priority p = SCHEDULE_SINGLE; p < SCHEDULE_PRIORITIES; p++)
		waits |= s->ready[p][SCHEDULE_FRESH].first != NULL && !has_room_for(s, SCHEDULE_FRESH, p);
	return d != NULL && waits ? d->pace.begun + SILENT_MS : INT64_MAX;
}

struct destination *schedule_recall(struct schedule *s, int64_t now)
{
	struct destination *d = s->dialled.first;
	if (now < schedule_recall_at(s))
		return NULL;
	ring_remove(&s->dialled, d, DIALLED);
	return d;
}

/* ---- what becomes known ---- */

int64_t schedule_wait(const struct schedule *s, unsigned failures, unsigned jitter)
{
	int64_t wait = s->retry_first;
	for (unsigned i = 1; i < failures && wait < s->retry_max; i++)
		wait *= 2;
	if (wait > s->retry_max)
		wait = s->retry_max;
	return wait + wait / 8 * jitter / 1000;
}

void schedule_reached(struct schedule *s, struct destination *d, int64_t now)
{
	d->failures = 0;
	d->paused_until = 0;
	d->proven_until = now + PROVEN_MS;
	set_standing(s, d, SCHEDULE_PROVEN);
	ring_remove(&s->dialled, d, DIALLED);
	settle(s, d, now);
}

void schedule_succeeded(struct schedule *s, struct destination *d, int64_t now)
{
	d->pauses = 0;
	pace_succeeded(&d->pace);
	if (++d->streak >= d->limit && d->limit < SCHEDULE_JOBS_EACH) {
		d->limit++;
		d->streak = 0;
	}
	schedule_reached(s, d, now);
}

/* What fails together counts once. */
void schedule_failed(struct schedule *s, struct destination *d, unsigned jitter, int64_t now)
{
	if (now >= d->paused_until) {
		d->failures++;
		d->paused_until = now + schedule_wait(s, d->failures, jitter);
		pace_stretch(&d->pace, d->paused_until);
	}
	d->streak = 0;
	set_standing(s, d, SCHEDULE_SLOW);
	settle(s, d, now);
}

void schedule_busy(struct schedule *s, struct destination *d, unsigned jitter, int64_t now)
{
	if (now >= d->paused_until) {
		int64_t wait = (int64_t)BUSY_MS << (d->pauses < 16 ? d->pauses : 16);
		if (wait > s->retry_max)
			wait = s->retry_max;
		d->pauses++;
		d->paused_until = now + wait + wait / 8 * jitter / 1000;
		d->limit = d->limit > 1 ? d->limit / 2 : 1;
		pace_busy(&d->pace, now);
	}
	d->streak = 0;
	ring_remove(&s->dialled, d, DIALLED);
	settle(s, d, now);
}

void schedule_recalled(struct schedule *s, struct destination *d, int64_t now)
{
	if (d->standing != SCHEDULE_FRESH)
		return;
	d->paused_until = now + (s->retry_max < RECALL_MS ? s->retry_max : RECALL_MS);
	pace_stretch(&d->pace, d->paused_until);
	set_standing(s, d, SCHEDULE_SLOW);
	settle(s, d, now);
}

void schedule_retry(struct schedule *s, struct destination *d, int64_t now)
{
	d->paused_until = d->pace.distance = 0;
	pace_stretch(&d->pace, now);
	settle(s, d, now);
}

void schedule_restore(struct schedule *s, struct destination *d, unsigned failures, int64_t until, int64_t now)
{
	if (d->standing != SCHEDULE_FRESH || d->out > 0)
		return;
	d->failures = failures;
	d->paused_until = until;
	set_standing(s, d, SCHEDULE_SLOW);
	settle(s, d, now);
}

/* ---- time ---- */

bool schedule_is_idle(const struct destination *d, int64_t now)
{
	return d->out == 0 && !d->has[SCHEDULE_SINGLE] && !d->has[SCHEDULE_BULK] && d->due == INT64_MAX &&
	       d->failures == 0 && now >= d->paused_until && (d->standing != SCHEDULE_PROVEN || now >= d->proven_until);
}

/* Whether it is at its time for the caller, too, and not only for the next job of its pace. */
static bool concerns_caller(const struct destination *d, int64_t now)
{
	return d->due <= now || d->at == d->paused_until || (d->standing == SCHEDULE_PROVEN && now >= d->proven_until);
}

struct destination *schedule_tick(struct schedule *s, int64_t now, int64_t *next)
{
	struct destination *d;
	while ((d = times_first(&s->times)) != NULL && d->at <= now) {
		const bool told = concerns_caller(d, now);
		if (d->due <= now)
			d->due = INT64_MAX;
		if (d->standing == SCHEDULE_PROVEN && now >= d->proven_until)
			set_standing(s, d, SCHEDULE_FRESH);
		settle(s, d, now);
		if (told)
			return d;
	}
	*next = d != NULL ? d->at : INT64_MAX;
	return NULL;
}
