/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that waits for another server, of a domain that has become ours: it never leaves. Its recipients are asked of
 * directory, one at a time, and their rows become those of mailboxes here; whom nobody knows (yet) waits on. */
#include "ipc/fate.h"
#include "os/clock.h"
#include "role/queue/home.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/queue_sender.def"
#include "ipc/conversation.h"

enum { ANSWER_MS = 10000, REST_MS = 1000, HEIRS_MAX = 1000 };

static void pump(struct remote *r);

bool mail_is_home(const struct mail *m, const struct remote *r)
{
	return own_has(r->q, destination_name(m->destination));
}

/* ---- whose turn it is ---- */

static bool has_mail(const struct mail *m)
{
	return m->waiting[SCHEDULE_SINGLE].count > 0 || m->waiting[SCHEDULE_BULK].count > 0 ||
	       m->more[SCHEDULE_SINGLE] || m->more[SCHEDULE_BULK];
}

void home_offer(struct mail *m, struct remote *r)
{
	if (m->comes_home || !has_mail(m))
		return;
	m->comes_home = true;
	m->next_home = r->home;
	r->home = m;
}

void home_withdraw(struct mail *m, struct remote *r)
{
	struct mail **at = &r->home;
	while (*at != NULL && *at != m)
		at = &(*at)->next_home;
	if (*at == m)
		*at = m->next_home;
	m->comes_home = false;
}

/* ---- one parcel ---- */

static void rest(struct remote *r)
{
	r->home_rests = true;
	loop_timer_start(r->q->service->loop, &r->home_timer, REST_MS, home_timer, r);
}

/* Nobody answers, or the domain is not ours any more: from the beginning, later. */
void home_lost(struct remote *r)
{
	struct parcel *p = r->homing;
	if (p == NULL)
		return;
	r->homing = NULL;
	for (size_t i = 0; i < p->count; i++)
		p->shares[i].has_outcome = false;
	parcel_move(p, PARCEL_WAITING, true);
	mail_offer(p->mail, r);
	rest(r);
}

void home_timer(void *to)
{
	struct remote *r = to;
	r->home_rests = false;
	home_lost(r);
	remote_pump(r);
}

static void end(struct remote *r)
{
	struct parcel *p = r->homing;
	r->homing = NULL;
	loop_timer_stop(r->q->service->loop, &r->home_timer);
	backoff_forget(p->mail, r);
	parcel_settle(p, r);
	pump(r);
}

static void ask(struct remote *r)
{
	const struct parcel *p = r->homing;
	if (r->homing_at == p->count) {
		end(r);
		return;
	}
	const struct share *s = &p->shares[r->homing_at];
	const struct msg_readdress m = { .transaction = str_from((const char *)p->message->row.number, SPOOL_NUMBER),
		.position = s->position,
		.address = s->address };
	loop_timer_start(r->q->service->loop, &r->home_timer, ANSWER_MS, home_timer, r);
	if (!peer_is_open(&r->q->directory) || failed(msg_send_readdress(&r->q->directory.channel, 0, &m)))
		home_lost(r);
}

static void begin(struct remote *r, struct parcel *p)
{
	if (p->has_job)
		job_remove(r, p);
	parcel_move(p, PARCEL_HOMING, false);
	r->homing = p;
	r->homing_at = 0;
	ask(r);
}

static void pump(struct remote *r)
{
	while (r->homing == NULL && !r->home_rests && r->home != NULL) {
		struct mail *m = r->home;
		struct parcel *p = m->waiting[SCHEDULE_SINGLE].first;
		if (p == NULL)
			p = m->waiting[SCHEDULE_BULK].first;
		if (p != NULL) {
			begin(r, p);
			continue;
		}
		home_withdraw(m, r);
		if (!m->loading && (m->more[SCHEDULE_SINGLE] || m->more[SCHEDULE_BULK]))
			mail_load(m, r, m->more[SCHEDULE_SINGLE] ? SCHEDULE_SINGLE : SCHEDULE_BULK);
		else if (!m->loading) {
			backoff_forget(m, r);
			mail_offer(m, r);
		}
	}
}

void home_pump(struct remote *r)
{
	if (!r->q->stopping && own_is_known(r->q))
		pump(r);
}

/* ---- the answer ---- */

static void here(struct remote *r, struct share *s, const struct msg_readdressed *m)
{
	struct arena *a = s->parcel->message->arena;
	uint32_t *heirs = NEW(a, uint32_t, HEIRS_MAX);
	str records = m->heirs;
	struct msg_heir heir;
	size_t count = 0;
	err e = OK;
	while (heirs != NULL && count < HEIRS_MAX && msg_next_heir(&records, r->q->scratch, &heir, &e))
		heirs[count++] = (uint32_t)heir.account;
	s->heirs = heirs;
	s->heirs_count = failed(e) ? 0 : count;
	s->detail = arena_copy(a, m->detail);
	s->kind = OUTCOME_DELIVERED;
	s->has_dsn = true; /* the mailbox will say it */
}

/* It waits until it expires: a domain is added before the people in it. */
static void not_here(struct share *s, const struct msg_readdressed *m)
{
	struct arena *a = s->parcel->message->arena;
	s->kind = OUTCOME_DEFERRED;
	s->why = (struct spool_diagnosis){ .cause = str_starts(m->status, S("4.3")) ? CAUSE_local : CAUSE_recipient,
		.status = arena_copy(a, m->status),
		.text = arena_copy(a, m->reason),
		.host = S("") };
}

void home_answered(struct remote *r, const struct msg_readdressed *m)
{
	struct parcel *p = r->homing;
	struct share *s = p != NULL ? &p->shares[r->homing_at] : NULL;
	if (s == NULL || s->position != m->position ||
		!str_eq(m->transaction, str_from((const char *)p->message->row.number, SPOOL_NUMBER)))
		return; /* it came too late */
	if (m->fate == FATE_HERE)
		here(r, s, m);
	else if (m->fate != FATE_ELSEWHERE)
		not_here(s, m);
	if (m->fate == FATE_ELSEWHERE || (m->fate == FATE_HERE && s->heirs_count == 0)) {
		home_lost(r);
		return;
	}
	s->has_outcome = true;
	r->homing_at++;
	ask(r);
}

/* ---- a new list ---- */

/* What the sender has of it is asked for back; what it is in the middle of it goes on with. */
static void recall(struct remote *r, const struct mail *m)
{
	for (const struct parcel *p = m->out.first; p != NULL; p = p->next)
		if (p->state == PARCEL_OUT && peer_is_open(&r->q->sender))
			IGNORE(msg_send_recall(&r->q->sender.channel, 0,
				&(struct msg_recall){ .job = p->number })); /* it may be too late */
}

static void became_ours(void *to, str domain)
{
	struct remote *r = to;
	struct destination *d = schedule_find(r->schedule, domain);
	if (d == NULL)
		return;
	recall(r, d->mail);
	remote_changed(r->q, domain, true);
}

void home_changed(struct remote *r)
{
	if (r->schedule == NULL)
		return;
	/* What is not ours any more goes its way again. */
	struct mail *list = r->home;
	r->home = NULL;
	for (struct mail *m = list, *next; m != NULL; m = next) {
		next = m->next_home;
		m->comes_home = false;
		mail_offer(m, r);
	}
	own_each(r->q, became_ours, r);
	r->home_rests = false;
	remote_pump(r);
}
