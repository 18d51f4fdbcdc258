/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what waits for other servers from the store: the next of one destination, the body of one message, and what a
 * sender speaks of that we have forgotten. */
#include "os/clock.h"
#include "role/queue/remote.h"

enum {
	LOAD_MOST = 64, /* recipients */
	LOAD_BYTES = 1 << 20,
	BODY_BUDGET = 4 << 20,
	RECOVERY_BUDGET = 1 << 20,
	LOOK_AGAIN_MS = 3600000, /* the calendar may be set meanwhile */
	REST_MS = 1000,          /* after the store failed */
};

/* ---- the next of one destination ---- */

/* A group of rows: one message, as many of its recipients as follow each other. */
struct group {
	struct group *next;
	struct message *message;
	struct share *first, **end; /* by same_bucket */
	size_t count;
};

struct load {
	struct job job;
	struct arena *arena;
	struct remote *r;
	struct mail *mail;
	str domain;
	int64_t now; /* UTC */
	unsigned priority;
	struct spool_place from, after;
	struct group *first, **end, *last;
	size_t groups, most; /* no more groups than that */
	unsigned rows;
	size_t bytes;
	bool cut;
	bool again;   /* not all found room in a parcel */
	bool on_turn; /* it has nothing else to send */
	int64_t due;
	bool looks_up; /* whether there is a back-off */
	bool has_backoff;
	struct spool_destination backoff;
};

static struct share share_of_row(struct message *m, const struct spool_remote *row)
{
	return (struct share){
		.position = row->position,
		.notify = row->notify,
		.attempts = row->attempts,
		.address = arena_copy(m->arena, row->address),
		.orcpt = arena_copy(m->arena, row->orcpt),
		.noted = row->noted,
		.is_inner = row->is_inner,
		.forward = row->forward,
		.keeper = row->keeper,
		.sender = arena_copy(m->arena, row->sender),
	};
}

static err load_row(void *to, const struct spool_message *m, const struct spool_remote *row)
{
	struct load *l = to;
	size_t bytes = (size_t)m->size;
	l->rows++;
	struct group *g = l->last;
	bool fits = g != NULL && g->message->row.id == m->id && g->count < PARCEL_RECIPIENTS_MAX && row->forward == 0 &&
		    g->first->forward == 0;
	if (l->cut || (!fits && l->groups > 0 && (l->groups == l->most || l->bytes + bytes > LOAD_BYTES))) {
		l->cut = true;
		return OK;
	}
	if (!fits) {
		g = NEW(l->arena, struct group, 1);
		if (g == NULL)
			return FAIL(MEMORY);
		g->message = message_of_row(l->r->q, m);
		l->bytes += bytes;
		l->groups++;
		g->end = &g->first;
		*l->end = l->last = g;
		l->end = &g->next;
	}
	struct share *s = NEW(g->message->arena, struct share, 1);
	if (s == NULL)
		return FAIL(MEMORY);
	*s = share_of_row(g->message, row);
	*g->end = s;
	g->end = &s->same_bucket;
	g->count++;
	l->after = (struct spool_place){ row->due, m->id, row->position };
	return OK;
}

static void load_drop(struct load *l)
{
	for (struct group *g = l->first; g != NULL; g = g->next) {
		arena_free(&g->message->body.arena);
		message_free(&g->message);
	}
	l->first = l->last = NULL;
	l->end = &l->first;
	l->groups = 0;
}

static err load_bodies(struct load *l, struct spool *spool)
{
	for (struct group *g = l->first; g != NULL; g = g->next)
		TRY(body_load(&g->message->body, &g->message->row, spool, BODY_BUDGET));
	return OK;
}

static err look_up(struct load *l, struct spool *spool)
{
	if (!l->looks_up)
		return OK;
	err e = spool_destination_get(spool, l->domain, l->arena, &l->backoff);
	l->has_backoff = !failed(e);
	return e.code == ERR_ABSENT ? OK : e;
}

static err load_run(struct job *j, struct spool *spool)
{
	struct load *l = (struct load *)j;
	load_drop(l);
	l->rows = 0;
	l->bytes = 0;
	l->cut = false;
	l->after = l->from;
	l->due = INT64_MAX;
	TRY(look_up(l, spool));
	if (l->has_backoff && l->backoff.until > l->now)
		return OK;
	const struct spool_remote_question question = {
		.domain = l->domain, .priority = l->priority, .now = l->now, .after = l->from, .most = LOAD_MOST
	};
	TRY(spool_remote_list(spool, &question, &(struct spool_remote_rows){ load_row, l }));
	if (l->rows < LOAD_MOST && !l->cut)
		TRY(spool_remote_due(spool, l->domain, l->priority, l->now, &l->due));
	return load_bodies(l, spool);
}

static str number_of(const struct message *m) { return str_from((const char *)m->row.number, SPOOL_NUMBER); }

/* A body that there is no room for is read again when it is sent. */
static void take_body(struct message *m, struct parcel *p, struct body_pool *pool, struct arena **bytes)
{
	const str whole = m->body.whole;
	m->body.whole = NO_STR;
	p->has_body = m->body.large || (whole.p != NULL && body_pool_keeps(pool, whole.n));
	if (p->has_body && !m->body.large)
		body_take(&m->body, pool, bytes, whole);
}

/* From the job's list into the window, but for what memory has already. */
static void load_take(struct load *l, struct group *g)
{
	struct remote *r = l->r;
	struct message *m = g->message;
	struct parcel *p = parcel_new(m, l->mail, l->priority, g->count);
	struct arena *bytes = m->body.arena;
	m->body.arena = NULL;
	m->held = 1;
	for (const struct share *s = g->first; p != NULL && s != NULL; s = s->same_bucket)
		if (share_find(r, number_of(m), s->position) == NULL && !parcel_add(p, s))
			l->again = true;
	if (p != NULL && p->count > 0) {
		take_body(m, p, &r->q->pool, &bytes);
		parcel_enter(p, r);
		if (m->body.damaged)
			parcel_hold(p, r);
	}
	arena_free(&bytes);
	message_release(m);
}

static void apply_backoff(struct load *l)
{
	struct mail *m = l->mail;
	int64_t now = clock_ms(), left = l->backoff.until - clock_utc_ms();
	m->looked_up = true;
	if (!l->has_backoff)
		return;
	m->stored = true;
	if (m->destination->failures == 0)
		schedule_restore(l->r->schedule, m->destination, l->backoff.failures, now + left, now);
	if (l->backoff.until > l->now)
		l->cut = true; /* nothing was read */
}

static void take_all(struct load *l)
{
	struct mail *m = l->mail;
	if (l->looks_up)
		apply_backoff(l);
	if (m->again) {
		load_drop(l);
		return; /* more stays, and the place is the beginning */
	}
	while (l->first != NULL) {
		struct group *g = l->first;
		l->first = g->next;
		load_take(l, g);
	}
	bool more = l->cut || l->rows == LOAD_MOST;
	m->more[l->priority] = more || l->again;
	m->after[l->priority] = more ? l->after : (struct spool_place){ 0 };
	if (l->due == INT64_MAX)
		return;
	int64_t left = l->due - l->now, now = clock_ms();
	int64_t due = now + (left < LOOK_AGAIN_MS ? left : LOOK_AGAIN_MS);
	if (due < m->destination->due)
		schedule_due(l->r->schedule, m->destination, due, now);
}

static void load_done(struct job *j)
{
	struct load *l = (struct load *)j;
	struct mail *m = l->mail;
	struct remote *r = l->r;
	int64_t now = clock_ms();
	m->loading = false;
	r->loads--;
	if (!failed(j->e)) {
		take_all(l);
	} else {
		load_drop(l);
		m->more[l->priority] = false;
		schedule_due(r->schedule, m->destination, now + REST_MS, now);
	}
	m->again = false;
	if (l->on_turn)
		schedule_was_next(r->schedule, m->destination, now);
	struct arena *a = l->arena;
	arena_free(&a);
	mail_offer(m, r);
	remote_pump(r);
}

void mail_load(struct mail *m, struct remote *r, enum schedule_priority p)
{
	struct arena *a = arena_new("load", 4 << 20);
	struct load *l = NEW(a, struct load, 1);
	*l = (struct load){
		.job = { .run = load_run, .done = load_done },
		.arena = a,
		.r = r,
		.mail = m,
		.domain = arena_copy(a, destination_name(m->destination)),
		.now = clock_utc_ms(),
		.priority = p,
		.from = m->after[p],
		.most = remote_has_room(r) ? destination_window(m->destination) : 1, /* which is sent at once */
		.on_turn = m->waiting[p].count == 0,
		.looks_up = !m->looked_up,
	};
	l->end = &l->first;
	m->loading = true;
	r->loads++;
	mail_offer(m, r);
	writer_post(r->q->writer, &l->job);
}

/* ---- one body ---- */

static err fetch_run(struct job *j, struct spool *spool)
{
	struct parcel *p = (struct parcel *)j;
	if (p->body_arena == NULL)
		p->body_arena = arena_new("body", BODY_BUDGET);
	arena_reset(p->body_arena);
	TRY(spool_locate(spool, &p->message->row));
	TRY(spool_body(spool, p->message->row.id, p->body_arena, &p->body));
	p->is_damaged = !spool_is_sound(&p->message->row, p->body);
	return OK;
}

static void fetch_done(struct job *j)
{
	struct parcel *p = (struct parcel *)j;
	struct remote *r = p->message->q->remote;
	struct mail *m = p->mail;
	parcel_move(p, PARCEL_WAITING, true);
	if (!failed(j->e) && p->is_damaged)
		parcel_hold(p, r);
	if (failed(j->e)) {
		arena_free(&p->body_arena);
		p->body = NO_STR;
	}
	if (j->e.code == ERR_ABSENT) {
		LOG(&r->q->service->log, store_damaged, F_TEXT("store", S("spool/queue.db")),
			F_TEXT("reason", S("a message has no body")));
		parcel_defer(p, r, S("its body is missing in the spool"));
	} else if (failed(j->e)) {
		mail_unload(m, r);
		int64_t now = clock_ms();
		m->more[SCHEDULE_SINGLE] = m->more[SCHEDULE_BULK] = false;
		schedule_due(r->schedule, m->destination, now + REST_MS, now);
	}
	mail_offer(m, r);
	remote_pump(r);
}

void parcel_fetch(struct parcel *p, struct remote *r)
{
	parcel_move(p, PARCEL_FETCHING, false);
	p->job = (struct job){ .run = fetch_run, .done = fetch_done };
	writer_post(r->q->writer, &p->job);
}

/* ---- what a sender speaks of and we do not know ---- */

static err recovery_row(void *to, const struct spool_message *m, const struct spool_remote *row)
{
	struct recovery *how = to;
	if (how->message == NULL) {
		how->message = message_of_row(how->r->q, m);
		how->domain = arena_copy(how->arena, row->domain);
		how->priority = row->priority;
		how->parcel = parcel_new(how->message, NULL, row->priority, how->positions_count);
		if (how->parcel == NULL)
			return FAIL(MEMORY);
	}
	if (str_eq(row->domain, how->domain)) {
		const struct share share = share_of_row(how->message, row);
		(void)parcel_add(how->parcel, &share);
	}
	return OK;
}

static err recovery_run(struct job *j, struct spool *spool)
{
	struct recovery *how = (struct recovery *)j;
	message_free(&how->message);
	for (size_t i = 0; i < how->positions_count; i++) {
		err e = spool_remote_find(spool, how->message_number, how->positions[i],
			&(struct spool_remote_rows){ recovery_row, how });
		if (failed(e) && e.code != ERR_ABSENT)
			return e;
	}
	return OK;
}

static void recovery_done(struct job *j)
{
	struct recovery *how = (struct recovery *)j;
	struct remote *r = how->r;
	struct parcel *p = NULL;
	struct mail *mail = NULL;
	if (!failed(j->e) && how->message != NULL)
		mail = mail_make(r, how->domain);
	struct share *known = mail != NULL && how->parcel->count > 0
				      ? share_find(r, number_of(how->message), how->parcel->shares[0].position)
				      : NULL;
	if (mail != NULL && known == NULL) {
		p = how->parcel;
		p->mail = mail;
		p->state = PARCEL_OUT;
		parcel_enter(p, r);
	} else {
		message_free(&how->message);
		p = known != NULL && known->parcel->state == PARCEL_WAITING ? known->parcel : NULL;
	}
	r->recoveries--;
	how->fn(r, how, p);
	struct arena *a = how->arena;
	arena_free(&a);
	remote_pump(r);
}

struct recovery *recovery_new(struct remote *r, size_t room)
{
	struct arena *a = arena_new("recovery", RECOVERY_BUDGET);
	struct recovery *how = NEW(a, struct recovery, 1);
	*how = (struct recovery){ .arena = a, .r = r, .positions = NEW(a, unsigned, room) };
	return how;
}

void recovery_post(struct recovery *how)
{
	how->job = (struct job){ .run = recovery_run, .done = recovery_done };
	how->r->recoveries++;
	writer_post(how->r->q->writer, &how->job);
}
