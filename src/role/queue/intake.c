/* SPDX-License-Identifier: Apache-2.0 */
/* Receivers open a channel for each of their sessions; bodies come in over it. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/fd.h"
#include "role/queue/intake.h"

#define CONVERSATION "ipc/receiver_queue.def"
#include "ipc/conversation.h"

enum { SESSIONS_MAX = 12000, FRAMES_AT_ONCE = 32 };

/* DROPPING: answered early, what still comes of the body is thrown away. DECIDING: the body is here, the answer not. */
enum session_state { IDLE, BODY, DROPPING, DECIDING };

struct session {
	struct queue *q;
	struct arena *arena;
	struct peer peer;
	struct session *next, *before;
	enum session_state state;
	struct message *message;
	uint64_t got; /* bytes of the body, without the trace fields */
};

struct receiver {
	struct queue *q;
	struct arena *arena;
	struct peer peer;
	struct receiver *next;
};

static const struct answer no_room = { 452, S("4.3.1"), S("no space left, try again later") };
static const struct answer no_memory = { 452, S("4.3.1"), S("too much mail at once, try again later") };
static const struct answer no_store = { 451, S("4.3.0"), S("the queue failed, try again later") };
static const struct answer no_envelope = { 451, S("4.3.0"), S("this transaction is not known here") };
static const struct answer going_down = { 451, S("4.3.2"), S("the server restarts, try again") };
static const struct answer too_full = { 452, S("4.2.2"), S("a mailbox that it is for is too full for the message") };
static const struct answer too_large = { 552, S("5.3.4"), S("the message is too large") };

static void enter(struct session *s, enum session_state state)
{
	s->q->incoming -= s->state != IDLE;
	s->q->incoming += state != IDLE;
	s->state = state;
}

/* ---- ends ---- */

static void session_end(void *session)
{
	struct session *s = session;
	struct queue *q = s->q;
	if (s->message != NULL && s->state == DECIDING)
		s->message->session = NULL; /* it is complete: it is kept, though nobody hears of it */
	else
		message_free(&s->message);
	peer_close(&s->peer);
	*(s->before != NULL ? &s->before->next : &q->sessions) = s->next;
	if (s->next != NULL)
		s->next->before = s->before;
	q->sessions_count--;
	enter(s, IDLE);
	struct arena *a = s->arena;
	arena_free(&a);
	queue_check_retired(q);
}

static err say(struct channel *c, const struct message *m, const struct answer *a)
{
	struct msg_queued answer = {
		.code = a->code,
		.status = a->status,
		.reason = a->reason,
		.transaction = str_from((const char *)m->row.number, SPOOL_NUMBER),
	};
	return msg_send_queued(c, 0, &answer);
}

void session_answer(struct message *m, const struct answer *a)
{
	struct session *s = m->session;
	if (s == NULL)
		return;
	m->session = NULL;
	s->message = NULL;
	enter(s, IDLE);
	/* Who does not listen is hung up on; its end is found by the loop, as any other. */
	if (!m->is_answered && failed(say(&s->peer.channel, m, a)))
		shutdown(s->peer.channel.fd, SHUT_RDWR);
}

void session_lend(struct message *m)
{
	if (m->session != NULL)
		m->answer_to = fcntl(m->session->peer.channel.fd, F_DUPFD_CLOEXEC, 0);
}

void session_answer_early(struct message *m, const struct answer *a)
{
	static struct frame out; /* there is one writer */
	struct channel c = channel_of(m->answer_to, NULL, &out);
	m->is_answered = m->answer_to >= 0 && !failed(say(&c, m, a));
	fd_close(&m->answer_to);
}

/* The writer's answer may be out, and the next message here, before the loop has heard of it. */
static bool is_waiting(struct session *s)
{
	if (s->state == DECIDING && s->q->writer != NULL)
		writer_catch_up(s->q->writer);
	return s->state == DECIDING;
}

/* An answer before the end of the body. */
static err refuse_early(struct session *s, const struct answer *a)
{
	struct message *m = s->message;
	char name[NUMBER_TEXT];
	const struct log log = message_log(m, name);
	LOG(&log, message_refused, F_ADDRESS("client", m->client), F_ADDRESS("sender", m->row.sender),
		F_NUMBER("size", m->body.size), F_NUMBER("code", a->code), F_TEXT("reason", a->reason));
	enter(s, DROPPING);
	s->message = NULL;
	err e = say(&s->peer.channel, m, a);
	message_free(&m);
	return e;
}

static err refuse_for(struct session *s, err why)
{
	disk_note(s->q, why);
	if (why.code == ERR_MEMORY)
		return refuse_early(s, &no_memory);
	return refuse_early(s, why.code == ERR_DISK_FULL ? &no_room : &no_store);
}

/* ---- what a session says ---- */

/* Without directory's channel nobody can know whether there was an envelope. */
static err forged(struct session *s, str number)
{
	struct queue *q = s->q;
	struct message *nobody = message_new(q);
	char name[NUMBER_TEXT];
	memcpy(nobody->row.number, number.p, SPOOL_NUMBER);
	err e = say(&s->peer.channel, nobody, &no_envelope);
	bool known = peer_is_open(&q->directory);
	if (known)
		LOG(&q->service->log, envelope_forged, F_TEXT("message", message_name(nobody, name)));
	message_free(&nobody);
	TRY(e);
	enter(s, DROPPING);
	return known ? FAIL(CLOSED) : OK;
}

static err added(struct session *s, err e) { return failed(e) ? refuse_for(s, e) : OK; }

static err on_body_begin(struct session *s, const struct msg_body_begin *m, uint32_t tag)
{
	struct queue *q = s->q;
	(void)tag;
	if (m->transaction.n != SPOOL_NUMBER)
		return FAIL(SYNTAX);
	if (is_waiting(s) || s->state == BODY)
		return FAIL(STATE);
	s->message = envelope_take(q, m->transaction);
	if (s->message == NULL)
		return forged(s, m->transaction);
	enter(s, BODY);
	s->got = 0;
	s->message->row.received = clock_utc_ms();
	if (q->retiring || q->writer == NULL)
		return refuse_early(s, &going_down);
	if (disk_is_full(q))
		return refuse_early(s, &no_room);
	return added(s, message_begin(s->message, m->trace));
}

/* N3 of the requirements: what an inner server would find too large is not taken here. */
static bool is_too_large(const struct message *m, uint64_t size) { return m->inner_max > 0 && size > m->inner_max; }

static err on_body(struct session *s, const struct msg_body *m, uint32_t tag)
{
	(void)tag;
	if (s->state == DROPPING)
		return OK;
	if (s->state != BODY)
		return FAIL(STATE);
	s->got += m->bytes.n;
	if (s->got > s->q->service->conf->smtp.message_max || is_too_large(s->message, s->got))
		return refuse_early(s, &too_large);
	if (s->got > s->message->size_max)
		return refuse_early(s, &too_full);
	return added(s, body_add(&s->message->body, &s->q->pool, s->message->row.number, m->bytes));
}

static err on_body_end(struct session *s, const struct msg_body_end *m, uint32_t tag)
{
	(void)tag;
	if (s->state == DROPPING) {
		enter(s, IDLE);
		return OK;
	}
	if (s->state != BODY)
		return FAIL(STATE);
	if (m->size != s->got)
		return FAIL(SYNTAX);
	struct message *message = s->message;
	err e = body_end(&message->body, &s->q->pool);
	if (failed(e) || is_too_large(message, message->body.size)) {
		e = failed(e) ? refuse_for(s, e) : refuse_early(s, &too_large);
		enter(s, IDLE);
		return e;
	}
	message->row.size = message->body.size;
	message->session = s;
	enter(s, DECIDING);
	judge(message);
	return OK;
}

static err on_whole(struct session *s, const struct msg_whole *m, uint32_t tag)
{
	const struct msg_body_begin begin = { .transaction = m->transaction, .trace = m->trace };
	const struct msg_body body = { .bytes = m->bytes };
	const struct msg_body_end end = { .size = m->bytes.n };
	TRY(on_body_begin(s, &begin, tag));
	TRY(on_body(s, &body, tag));
	return on_body_end(s, &end, tag);
}

static err on_body_cancel(struct session *s, const struct msg_body_cancel *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	if (s->state == DECIDING)
		return FAIL(STATE);
	message_free(&s->message);
	enter(s, IDLE);
	return OK;
}

#define CONVERSATION "ipc/receiver_queue.def"
#define HEAR hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

/* More is on its way inside a body, so it is asked for at once; after its end nothing comes before our answer. */
static void on_session(void *to, uint32_t events)
{
	struct session *s = to;
	(void)events;
	for (unsigned i = 0; i < FRAMES_AT_ONCE && !failed(peer_read(&s->peer, 1)); i++)
		if (s->state != BODY && s->state != DROPPING)
			return;
}

static const struct peer_kind session_kind = {
	.name = "receiver", .hear = hear, .gone = session_end, .on_event = on_session
};

/* ---- receivers ---- */

static err on_session_open(struct receiver *r, const struct msg_session_open *m, uint32_t tag)
{
	struct queue *q = r->q;
	(void)tag;
	if (q->sessions_count == SESSIONS_MAX || q->retiring) {
		close(m->end);
		return OK;
	}
	struct arena *a = arena_new("session", sizeof(struct session) + 64);
	struct session *s = NEW(a, struct session, 1);
	*s = (struct session){ .q = q, .arena = a, .next = q->sessions };
	peer_init(&s->peer, q->service, &session_kind, s);
	if (failed(peer_open(&s->peer, m->end))) {
		arena_free(&a);
		return OK;
	}
	if (s->next != NULL)
		s->next->before = s;
	q->sessions = s;
	q->sessions_count++;
	return OK;
}

#define CONVERSATION "ipc/opener_server.def"
#define HEAR receiver_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void receiver_end(void *receiver)
{
	struct receiver *r = receiver;
	struct receiver **at = &r->q->receivers;
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	peer_close(&r->peer);
	struct arena *a = r->arena;
	arena_free(&a);
}

static const struct peer_kind receiver_kind = { .name = "receiver", .hear = receiver_hear, .gone = receiver_end };

void receiver_add(struct queue *q, int fd)
{
	struct arena *a = arena_new("receiver", sizeof(struct receiver) + 64);
	struct receiver *r = NEW(a, struct receiver, 1);
	*r = (struct receiver){ .q = q, .arena = a, .next = q->receivers };
	peer_init(&r->peer, q->service, &receiver_kind, r);
	if (failed(peer_open(&r->peer, fd))) {
		arena_free(&a);
		return;
	}
	q->receivers = r;
}

void receivers_stop(struct queue *q)
{
	while (q->receivers != NULL)
		receiver_end(q->receivers);
	while (q->sessions != NULL)
		session_end(q->sessions);
}
