/* SPDX-License-Identifier: Apache-2.0 */
/* A parcel becomes a job: when the schedule says so, and the sender has given credit. */
#include "os/clock.h"
#include "os/fd.h"
#include "os/random.h"
#include "role/queue/home.h"

#define CONVERSATION "ipc/queue_sender.def"
#include "ipc/conversation.h"

enum {
	LOADS_AT_ONCE = 64,
	BYTES_MAX = 45056,
	RECORDS_ROOM = 16384,
	LOSSES_MAX = 3, /* a message that the sender has died with so often waits */
	TICK_MAX_MS = 3600000,
};

unsigned remote_jitter(void) { return (unsigned)random_below(1001); }

/* ---- the table of jobs ---- */

struct parcel *parcel_of_job(struct remote *r, uint64_t number)
{
	struct parcel *p = r->jobs[number % JOB_BUCKETS];
	while (p != NULL && p->number != number)
		p = p->same_job;
	return p;
}

void job_insert(struct remote *r, struct parcel *p)
{
	p->same_job = r->jobs[p->number % JOB_BUCKETS];
	r->jobs[p->number % JOB_BUCKETS] = p;
	p->has_job = true;
}

void job_remove(struct remote *r, struct parcel *p)
{
	struct parcel **at = &r->jobs[p->number % JOB_BUCKETS];
	while (*at != p)
		at = &(*at)->same_job;
	*at = p->same_job;
	p->has_job = false;
}

/* ---- one job ---- */

static err add_targets(struct remote *r, const struct parcel *p, struct buf *records)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct share *s = &p->shares[i];
		const struct msg_target target = { s->position, s->address, s->notify, s->orcpt, 0 };
		TRY(msg_add_target(records, r->q->scratch, &target));
	}
	return OK;
}

/* Return-Path stands in front for mailboxes and is not for other servers: RFC 5321 4.4. */
static size_t start_of(const struct spool_message *m)
{
	return (m->flags & SPOOL_RETURN_PATH) != 0 ? m->sender.n + sizeof "Return-Path: <>\r\n" - 1 : 0;
}

/* One recipient that must not go astray decides for all that travel with it. */
static bool is_inner(const struct parcel *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->shares[i].is_inner)
			return true;
	return false;
}

static err send_job(struct remote *r, const struct parcel *p)
{
	static char room[RECORDS_ROOM];
	struct buf records = BUF_ON(room);
	const struct message *m = p->message;
	const struct mail *mail = p->mail;
	str bytes = p->has_body ? m->body.whole : p->body;
	bool is_forwarded = p->shares[0].forward != 0; /* then it is alone: parcel_add() */
	struct msg_job job = {
		.job = p->number,
		.transaction = str_from((const char *)m->row.number, SPOOL_NUMBER),
		.destination = destination_name(mail->destination),
		.sender = is_forwarded ? p->shares[0].sender : m->row.sender,
		.size = m->row.size - start_of(&m->row),
		.start = start_of(&m->row),
		.body = m->row.body,
		.ret = m->row.ret,
		.envid = is_forwarded ? S("") : m->row.envid,
		.utf8 = (m->row.flags & SPOOL_UTF8) != 0,
		.requiretls = (m->row.flags & SPOOL_REQUIRETLS) != 0,
		.tls_optional = (m->row.flags & SPOOL_TLS_OPTIONAL) != 0,
		.inner = is_inner(p) || own_is_inner(r->q, destination_name(mail->destination)),
		.more = mail->waiting[SCHEDULE_SINGLE].count + mail->waiting[SCHEDULE_BULK].count > 1 ||
			mail->more[SCHEDULE_SINGLE] || mail->more[SCHEDULE_BULK],
		.bulk = p->priority == SCHEDULE_BULK,
		.file = -1,
	};
	TRY(add_targets(r, p, &records));
	job.targets = buf_str(&records);
	if (!m->body.large && bytes.n <= BYTES_MAX)
		job.bytes = str_after(bytes, (size_t)job.start);
	else if (m->body.large || p->has_body)
		TRY(body_descriptor(&m->body, m->row.number, &job.file));
	else
		TRY(body_descriptor(
			&(struct body){ .whole = bytes, .size = bytes.n, .fd = -1 }, m->row.number, &job.file));
	err e = msg_send_job(&r->q->sender.channel, 0, &job);
	fd_close(&job.file);
	return e;
}

static bool wants_body(const struct parcel *p) { return !p->message->body.large && !p->has_body && p->body.p == NULL; }

static void note_sent(struct remote *r, struct parcel *p)
{
	parcel_move(p, PARCEL_OUT, false);
	job_insert(r, p);
	r->credit--;
	r->out++;
	schedule_sent(r->schedule, p->mail->destination, p->priority, clock_ms());
	arena_free(&p->body_arena);
	p->body = NO_STR;
	if (p->has_body) {
		p->has_body = false;
		message_unneeded(p->message);
	}
}

static void cannot_send(struct remote *r, struct parcel *p, err e)
{
	if (e.code == ERR_ABSENT)
		LOG(&r->q->service->log, store_damaged, F_TEXT("store", S("spool")),
			F_TEXT("reason", S("the file of a message is missing")));
	else
		LOG(&r->q->service->log, store_failed, F_TEXT("store", S("spool")), F_ERR(e));
	parcel_defer(p, r, S("it could not be read from the spool"));
}

/* ERR_BUSY, ERR_CLOSED: the channel cannot take it now. */
static err give(struct remote *r, struct mail *m, enum schedule_priority priority)
{
	struct parcel *p = m->waiting[priority].first;
	if (p == NULL) {
		mail_load(m, r, priority);
		return OK;
	}
	if (wants_body(p)) {
		parcel_fetch(p, r);
		return OK;
	}
	if (p->has_job)
		job_remove(r, p);
	p->number = ++r->last_job;
	err e = send_job(r, p);
	if (e.code == ERR_BUSY || e.code == ERR_CLOSED)
		return e;
	if (failed(e))
		cannot_send(r, p, e);
	else
		note_sent(r, p);
	/* More is read before it is wanted. */
	if (m->waiting[priority].count < destination_window(m->destination) / 2 && m->more[priority] && !m->loading &&
		r->loads < LOADS_AT_ONCE && remote_has_room(r))
		mail_load(m, r, priority);
	return OK;
}

void parcel_back(struct parcel *p, struct remote *r)
{
	struct mail *m = p->mail;
	r->out--;
	schedule_ended(r->schedule, m->destination, p->priority, clock_ms());
	parcel_move(p, PARCEL_WAITING, true);
	if (p->losses >= LOSSES_MAX)
		parcel_defer(p, r, S("the process that carries mail away ended while it had this message"));
}

/* ---- whoever may go ---- */

static err recall(struct remote *r, int64_t now)
{
	for (struct destination *d; (d = schedule_recall(r->schedule, now)) != NULL;) {
		const struct mail *m = d->mail;
		if (m->out.first != NULL && m->out.first->state == PARCEL_OUT)
			TRY(msg_send_recall(
				&r->q->sender.channel, 0, &(struct msg_recall){ .job = m->out.first->number }));
	}
	return OK;
}

static err give_all(struct remote *r)
{
	int64_t now = clock_ms();
	enum schedule_priority p;
	struct destination *d;
	schedule_capacity(r->schedule, r->credit + r->out);
	while (r->credit > 0 && r->loads < LOADS_AT_ONCE && (d = schedule_next(r->schedule, now, &p)) != NULL) {
		struct mail *m = d->mail;
		TRY(give(r, m, p));
		mail_offer(m, r);
	}
	return recall(r, now);
}

static void on_timer(void *to)
{
	struct remote *r = to;
	remote_pump(r);
}

/* What has come due is looked for in the store. The time of what comes due next. */
static int64_t tick(struct remote *r)
{
	int64_t next = INT64_MAX;
	for (struct destination *d; (d = schedule_tick(r->schedule, clock_ms(), &next)) != NULL;) {
		struct mail *m = d->mail;
		m->more[SCHEDULE_SINGLE] = m->more[SCHEDULE_BULK] = true;
		mail_offer(m, r);
	}
	return next;
}

/* Nothing leaves before it is known what must not. */
static bool may_give(const struct remote *r)
{
	return own_is_known(r->q) && r->is_ready && !r->is_blocked && r->recoveries == 0 && peer_is_open(&r->q->sender);
}

void remote_pump(struct remote *r)
{
	if (r->q->stopping || r->schedule == NULL)
		return;
	int64_t next = tick(r);
	home_pump(r);
	err e = may_give(r) ? give_all(r) : OK;
	if (e.code == ERR_BUSY)
		r->is_blocked = !failed(loop_change(r->q->service->loop, &r->q->sender.watch, EPOLLIN | EPOLLOUT));
	/* That it was closed is found by the loop. While others wait the silent are asked to give their jobs back. */
	int64_t now = clock_ms(), recall_at = may_give(r) ? schedule_recall_at(r->schedule) : INT64_MAX;
	if (recall_at < next)
		next = recall_at;
	int64_t wait = next == INT64_MAX || next - now > TICK_MAX_MS ? TICK_MAX_MS : next - now;
	loop_timer_start(r->q->service->loop, &r->timer, wait > 0 ? wait : 1, on_timer, r);
}
