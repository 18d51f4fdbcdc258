/* SPDX-License-Identifier: Apache-2.0 */
/* Envelopes: what directory has decided and for which a body may come, once, soon. */
#include "os/clock.h"
#include "os/fd.h"
#include "role/queue/forward.h"
#include "role/queue/home.h"
#include "store/spool/file.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"

enum {
	ENVELOPES_MAX = 32768,
	ENVELOPE_MS = 60000,
	SWEEP_MS = 5000,
	RECIPIENTS_FIRST = 4,
	RECIPIENTS_MAX = 65535,
	ENVELOPE_BUDGET = 64 << 20, /* of 65,535 recipients */
	/* the trace fields of receiver_queue.def, a sender of 320, and the marks of forwards with their folding */
	BEGINNING_ROOM = 4096 + 340 + MARKS_ROOM + MARKS_ROOM / 4,
};

/* ---- messages ---- */

struct message *message_new(struct queue *q)
{
	struct arena *a = arena_new("message", ENVELOPE_BUDGET);
	struct message *m = NEW(a, struct message, 1);
	*m = (struct message){ .q = q, .arena = a, .body = BODY_EMPTY, .answer_to = -1 };
	return m;
}

struct message *message_of_row(struct queue *q, const struct spool_message *row)
{
	struct message *m = message_new(q);
	m->row = *row;
	m->row.sender = arena_copy(m->arena, row->sender);
	m->row.envid = arena_copy(m->arena, row->envid);
	m->stored = true;
	m->body.size = row->size;
	m->body.large = (row->flags & SPOOL_FILE) != 0;
	return m;
}

void message_free(struct message **m)
{
	if (*m == NULL)
		return;
	body_drop(&(*m)->body, &(*m)->q->pool);
	fd_close(&(*m)->answer_to);
	if ((*m)->body.made && !(*m)->stored)
		spool_file_remove((*m)->row.number);
	struct arena *a = (*m)->arena;
	*m = NULL;
	arena_free(&a);
}

str message_name(const struct message *m, char room[NUMBER_TEXT])
{
	struct buf b = { .p = room, .room = NUMBER_TEXT };
	buf_hex(&b, m->row.number, SPOOL_NUMBER);
	return buf_str(&b);
}

struct log message_log(const struct message *m, char room[NUMBER_TEXT])
{
	struct log log = m->q->service->log;
	log.message = message_name(m, room);
	log.session = m->session_name;
	return log;
}

void message_damaged(const struct message *m)
{
	char name[NUMBER_TEXT];
	const struct log log = message_log(m, name);
	LOG(&log, store_failed, F_TEXT("store", S("spool")),
		F_TEXT("reason", S("the body of a message is not the one that came in")));
	LOG(&log, alarm, F_TEXT("kind", S("store_failed")),
		F_TEXT("reason", S("the body of a message in the spool is not the one that came in; the message is "
				   "held and kept")),
		F_TEXT("advice", S("look at the disk; siegel queue release --id lets it be looked at again, siegel "
				   "queue delete --id "
				   "removes it")));
}

err message_begin(struct message *m, str trace)
{
	char room[BEGINNING_ROOM];
	struct buf b = BUF_ON(room);
	if ((m->row.flags & SPOOL_RETURN_PATH) != 0)
		buf_addf(&b, "Return-Path: <%.*s>\r\n", ARG(m->row.sender));
	forward_write_marks(m, &b);
	buf_add(&b, trace);
	return b.lost ? FAIL(LIMIT) : body_add(&m->body, &m->q->pool, m->row.number, buf_str(&b));
}

/* ---- the table ---- */

static struct message **bucket(struct queue *q, str number)
{
	return &q->envelopes[hash_of(&q->key, number) % ENVELOPE_BUCKETS];
}

static str number_of(const struct message *m) { return str_from((const char *)m->row.number, SPOOL_NUMBER); }

static struct message *find(struct queue *q, str number)
{
	struct message *m = *bucket(q, number);
	while (m != NULL && !str_eq(number_of(m), number))
		m = m->same_bucket;
	return m;
}

static void insert(struct queue *q, struct message *m)
{
	struct message **at = bucket(q, number_of(m));
	m->same_bucket = *at;
	*at = m;
	m->older = q->youngest;
	*(q->youngest != NULL ? &q->youngest->younger : &q->oldest) = m;
	q->youngest = m;
	q->envelopes_count++;
}

static void take_out(struct queue *q, struct message *m)
{
	struct message **at = bucket(q, number_of(m));
	while (*at != m)
		at = &(*at)->same_bucket;
	*at = m->same_bucket;
	*(m->older != NULL ? &m->older->younger : &q->oldest) = m->younger;
	*(m->younger != NULL ? &m->younger->older : &q->youngest) = m->older;
	m->same_bucket = m->older = m->younger = NULL;
	q->envelopes_count--;
}

static void forget(struct queue *q, struct message *m)
{
	take_out(q, m);
	message_free(&m);
}

static void sweep(void *to)
{
	struct queue *q = to;
	int64_t before = clock_ms() - ENVELOPE_MS;
	while (q->oldest != NULL && q->oldest->since <= before)
		forget(q, q->oldest);
	if (q->oldest != NULL)
		loop_timer_start(q->service->loop, &q->envelopes_timer, SWEEP_MS, sweep, q);
}

void envelopes_stop(struct queue *q)
{
	loop_timer_stop(q->service->loop, &q->envelopes_timer);
	while (q->oldest != NULL)
		forget(q, q->oldest);
}

/* ---- what directory says ---- */

static struct spool_recipient *next_recipient(struct message *m)
{
	if (m->count == RECIPIENTS_MAX)
		return NULL;
	if (m->count == m->room) {
		size_t room = m->room > 0 ? 4 * m->room : RECIPIENTS_FIRST;
		struct spool_recipient *larger = NEW(m->arena, struct spool_recipient, room);
		if (larger == NULL)
			return NULL;
		if (m->count > 0)
			memcpy(larger, m->recipients, m->count * sizeof *larger);
		m->recipients = larger;
		m->room = room;
	}
	return &m->recipients[m->count];
}

static err add_recipient(struct message *m, const struct msg_recipient *r, bool held)
{
	struct spool_recipient *to = next_recipient(m);
	if (to == NULL)
		return FAIL(LIMIT);
	*to = (struct spool_recipient){
		.position = (unsigned)m->count,
		.account = (uint32_t)r->account,
		.is_inner = r->account == 0 && r->inner,
		.address = arena_copy(m->arena, r->address),
		.detail = arena_copy(m->arena, r->detail),
		.notify = (unsigned)r->notify,
		.orcpt = arena_copy(m->arena, r->orcpt),
		.state = r->account > 0            ? SPOOL_WAITING
			 : held && r->forward == 0 ? SPOOL_BRAKED
						   : SPOOL_REMOTE,
		.forward = (uint32_t)r->forward,
		.keeper = (uint32_t)r->keeper,
		.sender = arena_copy(m->arena, r->sender),
		.mark = arena_copy(m->arena, r->mark),
		.is_alone = r->alone,
		.is_consent = r->consent,
	};
	m->has_forwards |= r->forward > 0 && r->account == 0;
	m->leaves |= r->account == 0 && !r->inner;
	m->has_returned |= r->forward > 0 && r->account > 0;
	size_t at = str_find_last(to->address, '@');
	if (r->account == 0)
		to->domain = at != STR_NONE ? str_after(to->address, at + 1) : S("");
	if (r->account > 0 || (r->forward > 0 && r->keeper > 0))
		m->row.flags |= SPOOL_RETURN_PATH;
	m->count++;
	return arena_spent(m->arena) ? FAIL(LIMIT) : OK;
}

static err add_recipients(struct queue *q, struct message *m, str records, bool held)
{
	struct msg_recipient r;
	err e = OK;
	while (msg_next_recipient(&records, q->scratch, &r, &e))
		TRY(add_recipient(m, &r, held));
	return e;
}

static struct message *begin(struct queue *q, const struct msg_envelope *m)
{
	struct message *new = message_new(q);
	memcpy(new->row.number, m->transaction.p, SPOOL_NUMBER);
	new->row.sender = arena_copy(new->arena, m->sender);
	new->row.envid = arena_copy(new->arena, m->envid);
	new->session_name = arena_copy(new->arena, m->session);
	new->client = arena_copy(new->arena, m->client);
	new->row.account = (uint32_t)m->account;
	new->row.local = (uint32_t)m->local;
	new->row.flags = (m->utf8 ? SPOOL_UTF8 : 0u) | (m->german ? SPOOL_GERMAN : 0u) |
			 (m->inside ? SPOOL_INSIDE : 0u) | (m->requiretls ? SPOOL_REQUIRETLS : 0u);
	new->row.body = (unsigned)m->body;
	new->row.ret = (unsigned)m->ret;
	new->size_max = m->size_max;
	new->inner_max = m->inner_max;
	new->from_gateway = m->gateway;
	new->since = clock_ms();
	insert(q, new);
	if (!q->envelopes_timer.running)
		loop_timer_start(q->service->loop, &q->envelopes_timer, SWEEP_MS, sweep, q);
	return new;
}

static err on_envelope(struct queue *q, const struct msg_envelope *m, uint32_t tag)
{
	(void)tag;
	if (m->transaction.n != SPOOL_NUMBER)
		return FAIL(SYNTAX);
	struct message *known = find(q, m->transaction);
	if (known != NULL && known->complete)
		return FAIL(EXISTS);
	if (known == NULL) {
		if (q->envelopes_count == ENVELOPES_MAX)
			forget(q, q->oldest);
		known = begin(q, m);
	}
	err e = add_recipients(q, known, m->recipients, m->held);
	if (!failed(e) && m->last && known->count == 0)
		e = FAIL(SYNTAX);
	known->complete = m->last;
	if (failed(e))
		forget(q, known);
	return e;
}

/* A message of the server's own: nobody waits for an answer, and there is nothing to be judged. */
static err on_own(struct queue *q, const struct msg_own *own, uint32_t tag)
{
	(void)tag;
	struct message *m = own->transaction.n == SPOOL_NUMBER ? find(q, own->transaction) : NULL;
	if (m == NULL || !m->complete)
		return FAIL(SYNTAX);
	take_out(q, m);
	m->row.flags |= SPOOL_OWN;
	err e = q->retiring || q->writer == NULL || disk_is_full(q) ? FAIL(BUSY) : OK;
	if (!failed(e))
		e = message_begin(m, S(""));
	if (!failed(e))
		e = body_add(&m->body, &q->pool, m->row.number, own->text);
	if (!failed(e))
		e = body_end(&m->body, &q->pool);
	if (failed(e)) {
		message_free(&m);
		return OK;
	}
	m->row.received = clock_utc_ms();
	m->row.size = m->body.size;
	store(m);
	return OK;
}

static err on_released(struct queue *q, const struct msg_released *m, uint32_t tag)
{
	(void)tag;
	if (q->writer != NULL)
		remote_release(q, (uint32_t)m->account);
	return OK;
}

static err on_domains(struct queue *q, const struct msg_domains *m, uint32_t tag)
{
	(void)tag;
	TRY(own_hear(q, m->names, m->inner, m->first, m->last));
	if (m->last)
		home_changed(q->remote);
	return OK;
}

static err on_readdressed(struct queue *q, const struct msg_readdressed *m, uint32_t tag)
{
	(void)tag;
	home_answered(q->remote, m);
	return OK;
}

static void gone(void *to)
{
	struct queue *q = to;
	home_lost(q->remote);
}

#define CONVERSATION "ipc/directory_queue.def"
#define HEAR hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

/* Envelopes that were complete stay good when directory has gone. */
const struct peer_kind directory_kind = { .name = "directory", .hear = hear, .gone = gone };

struct message *envelope_take(struct queue *q, str number)
{
	struct message *m = find(q, number);
	/* It was sent before the receiver was told to go on, but over another channel. */
	for (size_t i = 0; (m == NULL || !m->complete) && i < ENVELOPES_MAX; i++) {
		if (failed(peer_read(&q->directory, 1)))
			break;
		m = find(q, number);
	}
	if (m == NULL || !m->complete)
		return NULL;
	take_out(q, m);
	return m;
}
