/* SPDX-License-Identifier: Apache-2.0 */
/* The conversation with `queue`. What has ended is kept until the queue has stored it, so that nothing is sent twice when
 * the queue is restarted in between. */
#include <stdio.h>

#include "os/fd.h"
#include "role/sender/delivered.h"

#define CONVERSATION "ipc/queue_sender.def"
#include "ipc/conversation.h"

enum { RETRY_MS = 50, OUTCOMES_MAX = 49152, RECIPIENTS_ROOM = 4096, CREDIT_PART = 32 };

void job_answer(struct job *j, struct target *t, const struct outcome *o)
{
	t->outcome = *o;
	t->outcome.status = arena_copy(j->arena, str_slice(o->status, 0, STATUS_MAX));
	t->outcome.text = arena_copy(j->arena, str_slice(o->text, 0, TEXT_MAX));
	t->answered = true;
}

void job_answer_rest(struct job *j, const struct failure *f)
{
	const struct outcome o = { .kind = f->final ? OUTCOME_FAILED : OUTCOME_DEFERRED,
		.cause = f->cause,
		.code = f->code,
		.status = str_of(f->status),
		.text = str_of(f->text) };
	if (j->host[0] == '\0')
		snprintf(j->host, sizeof j->host, "%s", f->host);
	for (size_t i = 0; i < j->count; i++)
		if (!j->targets[i].answered)
			job_answer(j, &j->targets[i], &o);
}

/* ---- all jobs ---- */

static struct job **bucket_of(struct sender *s, uint64_t number) { return &s->numbers[number % SENDER_JOB_BUCKETS]; }

static struct job *find_job(struct sender *s, uint64_t number)
{
	struct job *j = *bucket_of(s, number);
	while (j != NULL && j->number != number)
		j = j->same_bucket;
	return j;
}

void job_enter(struct job *j)
{
	struct sender *s = j->sender;
	struct job **bucket = bucket_of(s, j->number);
	j->same_bucket = *bucket;
	*bucket = j;
	j->next_all = s->jobs;
	if (s->jobs != NULL)
		s->jobs->before_all = j;
	s->jobs = j;
}

static void job_free(struct job *j)
{
	struct sender *s = j->sender;
	struct job **at = bucket_of(s, j->number);
	while (*at != j)
		at = &(*at)->same_bucket;
	*at = j->same_bucket;
	delivered_forget(j);
	if (j->before_all != NULL)
		j->before_all->next_all = j->next_all;
	else
		s->jobs = j->next_all;
	if (j->next_all != NULL)
		j->next_all->before_all = j->before_all;
	fd_close(&j->file);
	struct arena *a = j->arena;
	arena_free(&a);
	sender_check_retired(s);
}

/* ---- what is said ---- */

/* A few places less do no harm, so credit is not given back for each of many. */
static err send_ready(struct sender *s, uint64_t least)
{
	struct msg_ready m = { .jobs = s->credit };
	if (s->credit < least || s->retiring)
		return OK;
	TRY(msg_send_ready(&s->queue.channel, 0, &m));
	s->credit = 0;
	return OK;
}

/* No control characters may stand in a field of type text; a server may say anything. */
str plain_text(str text, char *room, size_t size)
{
	struct buf b = { .p = room, .room = size };
	for (size_t i = 0; i < text.n && b.n < size; i++)
		buf_byte(&b, (unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f ? ' ' : text.p[i]);
	return buf_str(&b);
}

static void add_outcome(struct sender *s, const struct target *t, struct buf *records)
{
	char room[TEXT_MAX];
	const struct outcome *o = &t->outcome;
	const struct msg_outcome m = { .recipient = t->recipient,
		.kind = o->kind,
		.dsn = o->dsn,
		.final = o->final,
		.cause = o->cause,
		.code = o->code,
		.status = o->status,
		.text = plain_text(o->text, room, sizeof room) };
	if (t->answered)
		IGNORE(msg_add_outcome(records, s->scratch, &m)); /* the room is for all: both have the same bounds */
}

static err send_result(struct job *j)
{
	static char room[OUTCOMES_MAX];
	struct sender *s = j->sender;
	struct buf records = BUF_ON(room);
	for (size_t i = 0; i < j->count; i++)
		add_outcome(s, &j->targets[i], &records);
	struct msg_result m = { .job = j->number,
		.transaction = str_from((char *)j->transaction, sizeof j->transaction),
		.host = str_of(j->host),
		.last = true,
		.outcomes = buf_str(&records) };
	struct msg_returned back = { .job = j->number };
	return j->returned ? msg_send_returned(&s->queue.channel, 0, &back) : msg_send_result(&s->queue.channel, 0, &m);
}

static void send_all(void *to);

static void send_later(struct sender *s, err e)
{
	if (e.code == ERR_BUSY)
		loop_timer_start(s->service->loop, &s->retry, RETRY_MS, send_all, s);
	else if (failed(e))
		peer_close(&s->queue); /* the supervisor brings another */
}

/* Everything that has ended and was not told yet, oldest first, then the credit that came back with it. */
static void send_all(void *to)
{
	struct sender *s = to;
	err e = peer_is_open(&s->queue) ? OK : FAIL(CLOSED);
	while (s->untold != NULL && !failed(e)) {
		struct job *j = s->untold;
		e = send_result(j);
		if (failed(e))
			break;
		s->untold = j->next;
		j->told = true;
		if (j->returned)
			job_free(j);
	}
	if (!failed(e))
		e = send_ready(s, 1 + s->conf->sender.connections / CREDIT_PART);
	if (e.code != ERR_CLOSED)
		send_later(s, e);
}

void job_end(struct job *j)
{
	struct sender *s = j->sender;
	j->state = JOB_DONE;
	if (j->callout != NULL) {
		callout_end(j);
		return;
	}
	if (j->inner)
		callouts_doubt(j);
	fd_close(&j->file);
	s->credit++;
	j->next = NULL;
	*(s->untold != NULL ? &s->untold_last->next : &s->untold) = j;
	s->untold_last = j;
	if (!s->retry.running) /* at the end of this round, with the others that end in it */
		loop_timer_start(s->service->loop, &s->retry, 0, send_all, s);
}

void jobs_say_destination(struct sender *s, str destination, enum destination_state state, const struct failure *f)
{
	char room[TEXT_MAX];
	struct msg_destination m = { .destination = destination,
		.state = state,
		.cause = f != NULL ? f->cause : CAUSE_none,
		.code = f != NULL ? f->code : 0,
		.status = str_of(f != NULL ? f->status : ""),
		.text = f != NULL ? plain_text(str_of(f->text), room, sizeof room) : S(""),
		.host = str_of(f != NULL ? f->host : "") };
	if (peer_is_open(&s->queue))
		IGNORE(msg_send_destination(&s->queue.channel, 0, &m)); /* a hint: the results say it too */
}

void jobs_return_waiting(struct sender *s)
{
	for (size_t i = 0; i < SENDER_BUCKETS; i++)
		for (struct destination *d = s->destinations[i]; d != NULL; d = d->next_bucket) {
			pthread_mutex_lock(&s->lock);
			struct job *j = d->first;
			d->first = d->last = NULL;
			d->waiting = 0;
			pthread_mutex_unlock(&s->lock);
			for (struct job *next; j != NULL; j = next) {
				next = j->next;
				j->returned = true;
				job_end(j);
			}
		}
}

/* ---- what is heard ---- */

static err read_targets(struct job *j, str records)
{
	struct msg_target m;
	err e = OK;
	j->targets = NEW(j->arena, struct target, TARGETS_MAX);
	if (j->targets == NULL)
		return FAIL(MEMORY);
	while (msg_next_target(&records, j->sender->scratch, &m, &e)) {
		if (j->count == TARGETS_MAX)
			return FAIL(LIMIT);
		j->targets[j->count++] = (struct target){ .recipient = (unsigned)m.recipient,
			.notify = (unsigned)m.notify,
			.address = arena_copy(j->arena, m.address),
			.orcpt = arena_copy(j->arena, m.orcpt) };
	}
	TRY(e);
	return j->count > 0 ? OK : FAIL(SYNTAX);
}

static err read_job(struct job *j, const struct msg_job *m)
{
	if (m->transaction.n != sizeof j->transaction || (m->file < 0 && m->bytes.n != m->size))
		return FAIL(SYNTAX);
	memcpy(j->transaction, m->transaction.p, sizeof j->transaction);
	j->destination = arena_copy(j->arena, m->destination);
	j->from = arena_copy(j->arena, m->sender);
	j->envid = arena_copy(j->arena, m->envid);
	j->bytes = m->file < 0 ? arena_copy(j->arena, m->bytes) : NO_STR;
	TRY(read_targets(j, m->targets));
	return arena_spent(j->arena) ? FAIL(MEMORY) : OK;
}

void job_no_way(struct failure *f)
{
	failure_set(f, CAUSE_route, false, "4.3.5",
		"there is no route with a host for this domain, whose mailboxes are elsewhere");
}

/* Mail for a domain of ours leaves by no other way than the one that was named for it. */
static void refuse_way(struct job *j)
{
	struct failure f;
	job_no_way(&f);
	job_answer_rest(j, &f);
	job_end(j);
}

static err on_job(struct sender *s, const struct msg_job *m, uint32_t tag)
{
	struct arena *a = arena_new("job", JOB_BUDGET);
	struct job *j = NEW(a, struct job, 1);
	(void)tag;
	*j = (struct job){ .sender = s,
		.arena = a,
		.number = m->job,
		.size = m->size,
		.body = (enum smtp_body)m->body,
		.ret = (enum smtp_return)m->ret,
		.utf8 = m->utf8,
		.requires_tls = m->requiretls,
		.tls_optional = m->tls_optional && !m->requiretls, /* RFC 8689 4.1 */
		.inner = m->inner,
		.more = m->more,
		.bulk = m->bulk,
		.file = m->file };
	err e = read_job(j, m);
	if (failed(e)) {
		fd_close(&j->file);
		arena_free(&a);
		return e;
	}
	job_enter(j);
	if (s->retiring) {
		j->returned = true;
		job_end(j);
	} else if (j->inner && !route_is_own(route_find(s, j->destination), j->destination)) {
		refuse_way(j);
	} else {
		destination_take(s, j);
	}
	return OK;
}

static err on_noted(struct sender *s, const struct msg_noted *m, uint32_t tag)
{
	struct msg_number number;
	str rest = m->jobs;
	err e = OK;
	(void)tag;
	while (msg_next_number(&rest, s->scratch, &number, &e)) {
		struct job *j = find_job(s, number.number);
		if (j != NULL && !j->told)
			return FAIL(STATE);
		if (j != NULL)
			job_free(j);
	}
	return e;
}

/* Others wait for the place that this one holds, whose server may never speak. */
static err on_recall(struct sender *s, const struct msg_recall *m, uint32_t tag)
{
	struct job *j = find_job(s, m->job);
	(void)tag;
	if (j != NULL && destination_withdraw(j)) {
		j->returned = true;
		job_end(j);
	}
	return OK;
}

#define CONVERSATION "ipc/queue_sender.def"
#define HEAR queue_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static const struct peer_kind queue_kind = { .name = "queue", .hear = queue_hear };

/* ---- a new channel ---- */

static err send_underway(struct job *j)
{
	char room[RECIPIENTS_ROOM];
	struct buf records = BUF_ON(room);
	for (size_t i = 0; i < j->count; i++) {
		struct msg_number n = { .number = j->targets[i].recipient };
		TRY(msg_add_number(&records, j->sender->scratch, &n));
	}
	struct msg_underway m = { .job = j->number,
		.transaction = str_from((char *)j->transaction, sizeof j->transaction),
		.destination = j->destination,
		.recipients = buf_str(&records) };
	return msg_send_underway(&j->sender->queue.channel, 0, &m);
}

/* First what is known of jobs of an earlier channel, then how many more there may be. */
static err introduce(struct sender *s)
{
	uint64_t open = 0;
	s->untold = NULL; /* they are all said here */
	for (struct job *j = s->jobs, *next; j != NULL; j = next) {
		next = j->next_all;
		open += j->state != JOB_DONE;
		j->told = j->state == JOB_DONE;
		TRY(j->state == JOB_DONE ? send_result(j) : send_underway(j));
		if (j->returned)
			job_free(j);
	}
	s->credit = s->conf->sender.connections > open ? s->conf->sender.connections - open : 0;
	return send_ready(s, 1);
}

void jobs_attach(struct sender *s, int fd)
{
	loop_timer_stop(s->service->loop, &s->retry);
	if (failed(peer_open(&s->queue, fd)))
		return;
	err e = introduce(s);
	if (failed(e))
		peer_close(&s->queue);
}

void jobs_init(struct sender *s) { peer_init(&s->queue, s->service, &queue_kind, s); }
