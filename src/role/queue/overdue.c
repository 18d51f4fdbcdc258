/* SPDX-License-Identifier: Apache-2.0 */
/* What has waited long: its sender is told once, and what cannot be delivered in the time agreed is given up. Both go
 * through the store in the order of its coming, a little at a time. */
#include "os/clock.h"
#include "role/queue/notice.h"
#include "role/queue/remote.h"

enum { MOST = 64, BUDGET = 1 << 20, PAUSE_MAX_MS = 60000, PAUSE_MIN_MS = 250, GO_ON_MS = 20 };

struct overdue_row {
	struct overdue_row *next;
	struct message *message;
	struct share share;
	str domain;
	unsigned priority;
	int64_t due;
};

struct sweep {
	struct job job;
	struct arena *arena;
	struct remote *r;
	struct spool_place expired_from, expired_after, delayed_from, delayed_after;
	int64_t expired_by, delayed_by, retry_until;
	struct overdue_row *first, **end;
	struct told {
		struct told *next;
		uint32_t account;
		str message, sender, recipient, text;
		unsigned cause;
	} * told;
	unsigned expired, delayed;
};

/* ---- in the writer's thread ---- */

static struct spool_diagnosis copy_diagnosis(struct arena *a, const struct spool_diagnosis *d)
{
	return (struct spool_diagnosis){ d->cause, d->code, arena_copy(a, d->status), arena_copy(a, d->text),
		arena_copy(a, d->host) };
}

static err expired_row(void *to, const struct spool_message *m, const struct spool_remote *row)
{
	struct sweep *s = to;
	struct overdue_row *o = NEW(s->arena, struct overdue_row, 1);
	if (o == NULL)
		return FAIL(MEMORY);
	o->message = message_of_row(s->r->q, m);
	struct arena *a = o->message->arena;
	o->domain = arena_copy(a, row->domain);
	o->priority = row->priority;
	o->due = row->due;
	o->share = (struct share){ .position = row->position,
		.notify = row->notify,
		.attempts = row->attempts,
		.is_inner = row->is_inner,
		.address = arena_copy(a, row->address),
		.orcpt = arena_copy(a, row->orcpt),
		.forward = row->forward,
		.keeper = row->keeper,
		.sender = arena_copy(a, row->sender),
		.why = copy_diagnosis(a, &row->last) };
	*s->end = o;
	s->end = &o->next;
	s->expired_after = (struct spool_place){ .message = m->id, .position = row->position };
	s->expired++;
	return OK;
}

/* Where the destination as a whole fails, the recipient's row does not say why. */
static void add_reason(struct spool *spool, str domain, struct arena *a, struct spool_diagnosis *why)
{
	struct spool_destination d;
	if (!failed(spool_destination_get(spool, domain, a, &d)))
		*why = d.why;
}

struct late {
	struct late *next;
	struct spool_message about;
	struct notice_recipient recipient;
	str domain;
	unsigned position;
	uint32_t account;
};
struct late_list {
	struct sweep *sweep;
	struct late *first, **end;
};

static err delayed_row(void *to, const struct spool_message *m, const struct spool_remote *row)
{
	struct late_list *l = to;
	struct sweep *s = l->sweep;
	s->delayed_after = (struct spool_place){ .message = m->id, .position = row->position };
	s->delayed++;
	if (row->noted || row->forward != 0 || !notice_is_allowed(m, row->keeper) ||
		!notice_wanted(row->notify, NOTICE_DELAYED))
		return OK;
	struct late *late = NEW(s->arena, struct late, 1);
	if (late == NULL)
		return FAIL(MEMORY);
	late->about = *m;
	late->about.sender = arena_copy(s->arena, m->sender);
	late->about.envid = arena_copy(s->arena, m->envid);
	late->domain = arena_copy(s->arena, row->domain);
	late->position = row->position;
	late->account = notice_account(m, row->keeper);
	late->recipient = (struct notice_recipient){ .address = arena_copy(s->arena, row->address),
		.orcpt = arena_copy(s->arena, row->orcpt),
		.why = copy_diagnosis(s->arena, &row->last) };
	*l->end = late;
	l->end = &late->next;
	return OK;
}

static void note_told(struct sweep *s, const struct late *late)
{
	struct told *t = NEW(s->arena, struct told, 1);
	struct buf name = buf_in(s->arena, NUMBER_TEXT);
	if (t == NULL)
		return;
	buf_hex(&name, late->about.number, SPOOL_NUMBER);
	*t = (struct told){ s->told, late->account, buf_str(&name), late->about.sender, late->recipient.address,
		late->recipient.why.text, late->recipient.why.cause };
	s->told = t;
}

/* One notice for all recipients of a message that follow each other. */
static err tell(struct sweep *s, struct late **first, struct spool *spool)
{
	struct notice_recipient list[MOST];
	struct notice n = {
		.kind = NOTICE_DELAYED, .about = &(*first)->about, .account = (*first)->account, .list = list
	};
	n.hostname = s->r->q->service->conf->server.hostname;
	n.retry_until = (*first)->about.received + s->retry_until;
	struct late *l = *first;
	for (; l != NULL && l->about.id == n.about->id && n.count < MOST; l = l->next) {
		add_reason(spool, l->domain, s->arena, &l->recipient.why);
		list[n.count++] = l->recipient;
		TRY(spool_remote_note(spool, l->about.id, l->position));
		note_told(s, l);
	}
	*first = l;
	return notice_spool(&n, spool);
}

static err run_delayed(struct sweep *s, struct spool *spool)
{
	struct late_list late = { .sweep = s };
	late.end = &late.first;
	TRY(spool_remote_old(spool, s->delayed_by, s->delayed_from.message, s->delayed_from.position, MOST,
		&(struct spool_remote_rows){ delayed_row, &late }));
	for (struct late *at = late.first; at != NULL;)
		TRY(tell(s, &at, spool));
	return OK;
}

static void drop_rows(struct sweep *s)
{
	for (struct overdue_row *o = s->first; o != NULL; o = o->next)
		message_free(&o->message);
	s->first = NULL;
	s->end = &s->first;
}

static err run(struct job *j, struct spool *spool)
{
	struct sweep *s = (struct sweep *)j;
	drop_rows(s);
	s->told = NULL;
	s->expired = s->delayed = 0;
	s->expired_after = s->expired_from;
	s->delayed_after = s->delayed_from;
	TRY(spool_remote_old(spool, s->expired_by, s->expired_from.message, s->expired_from.position, MOST,
		&(struct spool_remote_rows){ expired_row, s }));
	for (struct overdue_row *o = s->first; o != NULL; o = o->next)
		add_reason(spool, o->domain, o->message->arena, &o->share.why);
	return run_delayed(s, spool);
}

/* ---- in the loop ---- */

static str number_of(const struct message *m) { return str_from((const char *)m->row.number, SPOOL_NUMBER); }

/* Given up is only what was tried since this process started: what a long stop of the server made old gets its chance. What
 * is in memory is about to be tried, and its result decides. */
static void give_up(struct remote *r, struct overdue_row *o)
{
	struct mail *mail = mail_make(r, o->domain);
	bool waits = o->share.attempts > 0 && o->due > clock_utc_ms();
	if (mail == NULL || (!mail->failed_here && !waits) ||
		share_find(r, number_of(o->message), o->share.position) != NULL)
		return;
	struct parcel *p = parcel_new(o->message, mail, o->priority, 1);
	if (p == NULL)
		return;
	o->share.has_outcome = o->share.is_expired = true;
	o->share.kind = OUTCOME_FAILED;
	(void)parcel_add(p, &o->share);
	o->message = NULL; /* the parcel's */
	parcel_enter(p, r);
	parcel_settle(p, r);
}

static void say_told(struct remote *r, const struct sweep *s)
{
	for (const struct told *t = s->told; t != NULL; t = t->next) {
		struct log log = r->q->service->log;
		log.message = t->message;
		LOG(&log, notice_made, F_TEXT("kind", S("delayed")), F_ADDRESS("sender", t->sender),
			F_ADDRESS("recipient", t->recipient), F_TEXT("cause", cause_word(t->cause)),
			F_TEXT("reason", t->text), F_TEXT("advice", str_of(notice_advice(t->cause))));
		remote_notice_waits(r, t->account, t->sender);
	}
}

static void sweep_later(struct remote *r, int64_t wait);

static int64_t pause_ms(const struct remote *r)
{
	const struct conf_queue *c = &r->q->service->conf->queue;
	uint64_t least = c->expire < c->delay_notice ? c->expire : c->delay_notice;
	int64_t pause = (int64_t)least * 1000 / 8;
	return pause > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause < PAUSE_MIN_MS ? PAUSE_MIN_MS : pause;
}

static void done(struct job *j)
{
	struct sweep *s = (struct sweep *)j;
	struct remote *r = s->r;
	bool more = false;
	r->sweeping = false;
	if (!failed(j->e)) {
		for (struct overdue_row *o = s->first; o != NULL; o = o->next)
			give_up(r, o);
		say_told(r, s);
		/* What was left is looked at again from the beginning; whom a notice went out for is not. */
		r->expired_after = s->expired == MOST ? s->expired_after : (struct spool_place){ 0 };
		r->delayed_after = s->delayed_after;
		more = s->expired == MOST || s->delayed == MOST;
	}
	drop_rows(s);
	struct arena *a = s->arena;
	arena_free(&a);
	if (!r->q->stopping)
		sweep_later(r, more ? GO_ON_MS : pause_ms(r));
}

static void sweep(void *to)
{
	struct remote *r = to;
	const struct conf_queue *c = &r->q->service->conf->queue;
	/* Without a sender nothing is tried, and so nothing is given up; a command that found no server must tell nobody. */
	if (!peer_is_open(&r->q->sender)) {
		sweep_later(r, pause_ms(r));
		return;
	}
	struct arena *a = arena_new("sweep", BUDGET);
	struct sweep *s = NEW(a, struct sweep, 1);
	int64_t now = clock_utc_ms();
	*s = (struct sweep){
		.job = { .run = run, .done = done, .haste = JOB_LAZY },
		.arena = a,
		.r = r,
		.expired_from = r->expired_after,
		.delayed_from = r->delayed_after,
		.expired_by = now - (int64_t)c->expire * 1000,
		.delayed_by = now - (int64_t)c->delay_notice * 1000,
		.retry_until = (int64_t)c->expire * 1000,
	};
	s->end = &s->first;
	r->sweeping = true;
	writer_post(r->q->writer, &s->job);
}

static void sweep_later(struct remote *r, int64_t wait)
{
	loop_timer_start(r->q->service->loop, &r->overdue_timer, wait, sweep, r);
}

void overdue_start(struct remote *r) { sweep_later(r, pause_ms(r)); }
