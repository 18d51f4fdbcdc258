/* SPDX-License-Identifier: Apache-2.0 */
/* The sender: what it says of its jobs and of the destinations. */
#include <unistd.h>

#include "os/clock.h"
#include "role/queue/remote.h"

#define CONVERSATION "ipc/queue_sender.def"
#include "ipc/conversation.h"

enum { CREDIT_MAX = 16384, JOBS_NUMBER_BYTES = 24, NOTED_LEAST = 64 };

/* ---- results stored ---- */

static void say_noted(struct remote *r)
{
	if (r->noted.n == 0)
		return;
	err e = msg_send_noted(&r->q->sender.channel, 0, &(struct msg_noted){ .jobs = buf_str(&r->noted) });
	if (e.code != ERR_BUSY)
		r->noted.n = 0;
}

void sender_note(struct remote *r, uint64_t number)
{
	if (r->noted.room - r->noted.n < JOBS_NUMBER_BYTES)
		say_noted(r);
	size_t before = r->noted.n;
	if (failed(msg_add_number(&r->noted, r->q->scratch, &(struct msg_number){ .number = number }))) {
		r->noted.n = before; /* the sender says it again, on its next channel */
		r->noted.lost = false;
	}
	if (r->settles == 0 || r->noted.n >= NOTED_LEAST * JOBS_NUMBER_BYTES)
		say_noted(r);
}

/* ---- results ---- */

static void set_outcome(struct parcel *p, const struct msg_outcome *o, str host)
{
	struct arena *a = p->message->arena;
	for (size_t i = 0; i < p->count; i++) {
		struct share *s = &p->shares[i];
		if (s->position != o->recipient)
			continue;
		s->has_outcome = true;
		s->kind = (enum outcome_kind)o->kind;
		s->has_dsn = o->dsn;
		s->is_final = o->final;
		s->why = (struct spool_diagnosis){
			.cause = (unsigned)o->cause,
			.code = (unsigned)o->code,
			.status = arena_copy(a, o->status),
			.text = arena_copy(a, o->text),
			.host = arena_copy(a, host),
		};
		return;
	}
}

static err set_outcomes(struct remote *r, struct parcel *p, str host, str outcomes)
{
	struct msg_outcome o;
	err e = OK;
	while (msg_next_outcome(&outcomes, r->q->scratch, &o, &e))
		set_outcome(p, &o, host);
	return e;
}

static bool any_delivered(const struct parcel *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->shares[i].has_outcome && p->shares[i].kind == OUTCOME_DELIVERED)
			return true;
	return false;
}

static void end_job(struct remote *r, struct parcel *p)
{
	struct destination *d = p->mail->destination;
	int64_t now = clock_ms();
	r->out--;
	p->is_owed = true;
	if (any_delivered(p))
		schedule_succeeded(r->schedule, d, now);
	schedule_ended(r->schedule, d, p->priority, now);
	parcel_settle(p, r);
}

static void take_out(struct remote *r, struct parcel *p, uint64_t number)
{
	if (p->has_job)
		job_remove(r, p);
	if (p->state == PARCEL_WAITING)
		parcel_move(p, PARCEL_OUT, false);
	p->number = number;
	job_insert(r, p);
	r->out++;
	schedule_sent(r->schedule, p->mail->destination, p->priority, clock_ms());
}

static void on_recovered_result(struct remote *r, struct recovery *how, struct parcel *p)
{
	struct parcel *known = parcel_of_job(r, how->number);
	if (p != NULL)
		take_out(r, p, how->number);
	else
		p = known;
	if (p == NULL || p->state != PARCEL_OUT) {
		if (how->last)
			sender_note(r, how->number); /* it was stored before */
		return;
	}
	IGNORE(set_outcomes(r, p, how->host, how->outcomes)); /* was read before */
	if (how->last)
		end_job(r, p);
	mail_offer(p->mail, r);
}

static err recover_result(struct remote *r, const struct msg_result *m)
{
	str outcomes = m->outcomes;
	struct msg_outcome o;
	err e = OK;
	struct recovery *how = recovery_new(r, PARCEL_RECIPIENTS_MAX);
	memcpy(how->message_number, m->transaction.p, SPOOL_NUMBER);
	while (how->positions_count < PARCEL_RECIPIENTS_MAX && msg_next_outcome(&outcomes, r->q->scratch, &o, &e))
		how->positions[how->positions_count++] = (unsigned)o.recipient;
	how->fn = on_recovered_result;
	how->number = m->job;
	how->is_result = true;
	how->last = m->last;
	how->host = arena_copy(how->arena, m->host);
	how->outcomes = arena_copy(how->arena, m->outcomes);
	if (failed(e)) {
		struct arena *a = how->arena;
		arena_free(&a);
		return e;
	}
	recovery_post(how);
	return OK;
}

/* Of a job that went back into the row when an earlier channel broke, or of one that is out. */
static struct parcel *in_memory(struct remote *r, str transaction, uint64_t job)
{
	struct parcel *p = parcel_of_job(r, job);
	if (p == NULL || !str_eq(transaction, str_from((const char *)p->message->row.number, SPOOL_NUMBER)))
		return NULL;
	return p;
}

/* What an earlier run of ours gave is spoken of before `ready`. Then names that no job has had yet are an invention, and so
 * are those of another message's job. */
static bool is_forged(struct remote *r, const struct msg_result *m)
{
	if (!r->is_ready || r->recoveries > 0)
		return false;
	return parcel_of_job(r, m->job) != NULL ? in_memory(r, m->transaction, m->job) == NULL : m->job > r->last_job;
}

static err on_result(struct remote *r, const struct msg_result *m, uint32_t tag)
{
	(void)tag;
	if (m->transaction.n != SPOOL_NUMBER)
		return FAIL(SYNTAX);
	if (is_forged(r, m)) {
		LOG(&r->q->service->log, result_forged, F_NUMBER("job", m->job), F_TEXT("host", m->host));
		return OK;
	}
	struct parcel *p = in_memory(r, m->transaction, m->job);
	if (p == NULL || r->recoveries > 0)
		return recover_result(r, m);
	if (p->state == PARCEL_SETTLING || p->state == PARCEL_FETCHING)
		return p->state == PARCEL_SETTLING ? OK : FAIL(STATE); /* noted when it is stored */
	if (p->state == PARCEL_WAITING)
		take_out(r, p, m->job);
	TRY(set_outcomes(r, p, m->host, m->outcomes));
	if (m->last) {
		struct mail *mail = p->mail;
		end_job(r, p);
		mail_offer(mail, r);
	}
	return OK;
}

/* Memory is for what can leave soon. */
static void unload_paused(struct remote *r, struct mail *mail)
{
	if (clock_ms() < mail->destination->paused_until)
		mail_unload(mail, r);
}

static err on_returned(struct remote *r, const struct msg_returned *m, uint32_t tag)
{
	struct parcel *p = parcel_of_job(r, m->job);
	(void)tag;
	if (p == NULL || p->state != PARCEL_OUT)
		return OK;
	struct mail *mail = p->mail;
	parcel_back(p, r);
	schedule_recalled(r->schedule, mail->destination, clock_ms());
	unload_paused(r, mail);
	mail_offer(mail, r);
	return OK;
}

static void on_recovered_underway(struct remote *r, struct recovery *how, struct parcel *p)
{
	if (p == NULL)
		return; /* its result is stored already */
	take_out(r, p, how->number);
	mail_offer(p->mail, r);
}

static err on_underway(struct remote *r, const struct msg_underway *m, uint32_t tag)
{
	str records = m->recipients;
	struct msg_number one;
	err e = OK;
	(void)tag;
	if (r->is_ready)
		return FAIL(STATE);
	if (m->transaction.n != SPOOL_NUMBER)
		return FAIL(SYNTAX);
	struct parcel *p = in_memory(r, m->transaction, m->job);
	if (p != NULL && p->state == PARCEL_WAITING) {
		take_out(r, p, m->job);
		mail_offer(p->mail, r);
		return OK;
	}
	if (p != NULL)
		return OK;
	struct recovery *how = recovery_new(r, PARCEL_RECIPIENTS_MAX);
	memcpy(how->message_number, m->transaction.p, SPOOL_NUMBER);
	while (how->positions_count < PARCEL_RECIPIENTS_MAX && msg_next_number(&records, r->q->scratch, &one, &e))
		how->positions[how->positions_count++] = (unsigned)one.number;
	how->fn = on_recovered_underway;
	how->number = m->job;
	recovery_post(how);
	return e;
}

static err on_ready(struct remote *r, const struct msg_ready *m, uint32_t tag)
{
	(void)tag;
	if (r->credit + m->jobs > CREDIT_MAX)
		return FAIL(LIMIT);
	r->is_ready = true;
	r->credit += m->jobs;
	return OK;
}

/* ---- destinations ---- */

static void reached(struct remote *r, struct mail *mail)
{
	struct destination *d = mail->destination;
	if (d->failures > 0)
		LOG(&r->q->service->log, destination_back, F_TEXT("destination", destination_name(d)));
	backoff_forget(mail, r);
	mail->failed_here = false;
	schedule_reached(r->schedule, d, clock_ms());
}

static void unreachable(struct remote *r, struct mail *mail, const struct msg_destination *m)
{
	struct destination *d = mail->destination;
	int64_t now = clock_ms();
	if (now < d->paused_until)
		return;
	schedule_failed(r->schedule, d, remote_jitter(), now);
	LOG(&r->q->service->log, destination_failed, F_TEXT("destination", destination_name(d)),
		F_TEXT("cause", cause_word(m->cause)), F_TEXT("host", m->host), F_TEXT("reason", m->text),
		F_NUMBER("milliseconds", (uint64_t)(d->paused_until - now)));
	mail->failed_here = true;
	const struct spool_diagnosis why = { (unsigned)m->cause, (unsigned)m->code, m->status, m->text, m->host };
	backoff_store(mail, r, &why);
	unload_paused(r, mail);
}

static err on_destination(struct remote *r, const struct msg_destination *m, uint32_t tag)
{
	struct destination *d = schedule_find(r->schedule, m->destination);
	(void)tag;
	if (d == NULL)
		return OK;
	struct mail *mail = d->mail;
	switch ((enum destination_state)m->state) {
	case DESTINATION_REACHABLE:
		reached(r, mail);
		break;
	case DESTINATION_UNREACHABLE:
		unreachable(r, mail, m);
		break;
	case DESTINATION_BUSY:
		schedule_busy(r->schedule, d, remote_jitter(), clock_ms());
		unload_paused(r, mail);
		break;
	}
	mail_offer(mail, r);
	return OK;
}

#define CONVERSATION "ipc/queue_sender.def"
#define HEAR hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

/* ---- the channel ---- */

/* Whatever it had is to be done again, unless it says otherwise on its next channel. */
static void sender_lost(void *to)
{
	struct remote *r = to;
	r->is_ready = r->is_blocked = false;
	r->credit = 0;
	r->noted.n = 0;
	for (size_t i = 0; i < JOB_BUCKETS; i++)
		for (struct parcel *p = r->jobs[i], *next; p != NULL; p = next) {
			next = p->same_job;
			if (p->state != PARCEL_OUT)
				continue;
			struct mail *mail = p->mail;
			p->losses++;
			parcel_back(p, r);
			mail_offer(mail, r);
		}
}

static void on_sender(void *to, uint32_t events)
{
	struct remote *r = to;
	if ((events & EPOLLOUT) != 0 && r->is_blocked) {
		r->is_blocked = false;
		IGNORE(loop_change(r->q->service->loop, &r->q->sender.watch, EPOLLIN));
		say_noted(r);
	}
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		IGNORE(peer_read(&r->q->sender, PEER_FRAMES)); /* sender_lost() was told */
	remote_pump(r);
}

const struct peer_kind sender_kind = { .name = "sender", .hear = hear, .gone = sender_lost, .on_event = on_sender };

void sender_attach(struct queue *q, int fd)
{
	/* What the old one said before its end still counts: otherwise what it has delivered would be sent again. */
	while (q->remote->schedule != NULL && peer_is_open(&q->sender) && !failed(peer_read(&q->sender, PEER_FRAMES)))
		;
	sender_lost(q->remote);
	IGNORE(peer_open(&q->sender, fd)); /* another one will come */
}
