/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/session.h"

#include "os/fd.h"
#include "os/peer.h"
#include "os/peer_user.h"

/* ---- what the other end says ---- */

/* Whom a connection is passed on for is what the proxy says, and only a proxy is believed. */
static err take_proxied(struct session *s, str address)
{
	if (s->kind == LINK_LOCAL || s->kind == LINK_GREETER || address.n != sizeof s->client.bytes ||
		!in_networks(&s->role->service->conf->smtp.proxy_from, &s->client))
		return FAIL(DENIED);
	memcpy(s->client.bytes, address.p, address.n);
	return OK;
}

static err on_client(struct session *s, const struct msg_client *m, uint32_t tag)
{
	int fd = m->socket;
	unsigned port;
	(void)tag;
	err e = s->kind == LINK_LOCAL ? peer_user_of_socket(fd, &s->user) : peer_of_socket(fd, &s->client, &port);
	fd_close(&fd);
	TRY(e);
	if (m->proxied.n > 0)
		TRY(take_proxied(s, m->proxied));
	memcpy(s->name, m->session.p, m->session.n);
	s->log.session = str_from(s->name, m->session.n);
	s->has_client = true;
	return OK;
}

/* Questions come after `client`, one at a time. */
static err may_ask(const struct session *s)
{
	return s->has_client && !auth_is_busy(s) && !session_is_paused(s) ? OK : FAIL(STATE);
}

static err on_auth_start(struct session *s, const struct msg_auth_start *m, uint32_t tag)
{
	(void)tag;
	TRY(may_ask(s));
	/* Whoever serves port 25 or LMTP has no business with passwords. */
	if (s->kind != LINK_SUBMISSION && s->kind != LINK_GREETER)
		return FAIL(DENIED);
	return auth_start(s, m);
}

static err on_auth_response(struct session *s, const struct msg_auth_response *m, uint32_t tag)
{
	(void)tag;
	TRY(may_ask(s));
	return auth_response(s, m);
}

static err decide(struct session *s, struct frame *question)
{
	struct msg_mail mail;
	struct msg_rcpt rcpt;
	struct msg_data data;
	switch (question->number) {
	case MSG_mail:
		TRY(msg_get_mail(question, &mail));
		return session_mail(s, &mail);
	case MSG_rcpt:
		TRY(msg_get_rcpt(question, &rcpt));
		return session_rcpt(s, &rcpt);
	case MSG_data:
		TRY(msg_get_data(question, &data));
		return session_data(s);
	default:
		return FAIL(SYNTAX);
	}
}

/* ERR_AGAIN: *rest begins with a question that has to wait. */
static err decide_all(struct session *s, str *rest)
{
	static struct frame question; /* the loop's thread only */
	str before = *rest;
	err e = OK;
	while (!failed(e) && records_next(rest, &question)) {
		e = decide(s, &question);
		if (e.code == ERR_AGAIN)
			*rest = before;
		else
			before = *rest;
	}
	return e;
}

/* The verdicts are gathered while the questions are answered one after the other. */
err session_go_on(struct session *s, str questions, str verdicts)
{
	static char room[VERDICTS_ROOM];
	s->verdicts = BUF_ON(room);
	buf_add(&s->verdicts, verdicts);
	err e = decide_all(s, &questions);
	if (e.code == ERR_AGAIN)
		return session_pause(s, questions);
	const struct msg_verdicts answer = { .records = buf_str(&s->verdicts) };
	if (!failed(e))
		e = msg_send_verdicts(&s->channel, 0, &answer);
	session_pause_end(s);
	return e;
}

static err on_questions(struct session *s, const struct msg_questions *m, uint32_t tag)
{
	(void)tag;
	TRY(may_ask(s));
	return session_go_on(s, m->records, S(""));
}

#define CONVERSATION "ipc/receiver_directory.def"
#define HEAR receiver_hear
#define HEAR_PEER struct session
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

/* `greeter` speaks the part of the conversation that is about logins. */
static bool is_for_greeter(uint16_t number)
{
	return number == MSG_client || number == MSG_auth_start || number == MSG_auth_response;
}

/* ---- the session ---- */

static const char *kind_name(enum link_kind kind)
{
	return kind == LINK_SMTP         ? "receiver-smtp"
	       : kind == LINK_SUBMISSION ? "receiver-submission"
	       : kind == LINK_LMTP       ? "receiver-lmtp"
	       : kind == LINK_LOCAL      ? "receiver-local"
					 : "greeter";
}

/* One frame; *more: another is likely to be there. */
static err take_frame(struct session *s, bool *more)
{
	struct frame *in = s->channel.in;
	TRY(channel_receive(&s->channel));
	*more = in->number == MSG_client;
	if (s->kind == LINK_GREETER && !is_for_greeter(in->number)) {
		frame_drop(in);
		return FAIL(SYNTAX);
	}
	bool is_secret = in->number == MSG_auth_start || in->number == MSG_auth_response;
	err e = receiver_hear(s, &s->heard, in);
	if (is_secret)
		wipe(in->bytes, in->n);
	return e;
}

/* False: the session is over, and freed. */
static bool hear(struct session *s)
{
	bool more = false;
	err e = take_frame(s, &more);
	if (!failed(e) && more)
		e = take_frame(s, &more);
	if (!failed(e) || e.code == ERR_AGAIN)
		return true;
	if (e.code != ERR_CLOSED && e.code != ERR_BUSY)
		LOG(&s->log, channel_broken, F_TEXT("peer", str_of(kind_name(s->kind))), F_ERR(e));
	session_free(s);
	return false;
}

static void on_frame(void *to, uint32_t events)
{
	(void)events;
	(void)hear(to);
}

/* Who opens a session may have spoken into it before; many a login is over with that. */
void session_new(struct directory_role *r, enum link_kind kind, int fd)
{
	struct arena *a = arena_new("session", SESSION_BUDGET);
	struct session *s = NEW(a, struct session, 1);
	if (s == NULL) {
		fd_close(&fd);
		arena_free(&a);
		return;
	}
	s->role = r;
	s->arena = a;
	s->kind = kind;
	s->log = r->service->log;
	s->channel = channel_of(fd, r->service->in, r->service->out);
	s->next = r->sessions;
	if (s->next != NULL)
		s->next->before = s;
	r->sessions = s;
	s->watch.fd = -1;
	if (!hear(s))
		return;
	if (failed(loop_add(r->service->loop, &s->watch, fd, EPOLLIN, on_frame, s)))
		session_free(s);
}

void session_free(struct session *s)
{
	auth_forget(s);
	session_pause_end(s);
	*(s->before != NULL ? &s->before->next : &s->role->sessions) = s->next;
	if (s->next != NULL)
		s->next->before = s->before;
	loop_remove(s->role->service->loop, &s->watch);
	channel_close(&s->channel);
	arena_free(&s->transaction_arena);
	struct arena *a = s->arena;
	arena_free(&a);
}

void sessions_free(struct directory_role *r)
{
	while (r->sessions != NULL)
		session_free(r->sessions);
}

void session_answered(struct session *s, err e)
{
	if (failed(e))
		session_free(s);
}

str session_client(const struct session *s, struct buf *room)
{
	if (s->kind == LINK_LOCAL)
		buf_addf(room, "uid %u", s->user);
	else
		address_write(room, &s->client);
	return buf_str(room);
}

static err verdict(struct session *s, struct msg_verdict *m, bool granted)
{
	m->transaction = granted ? str_from((const char *)s->transaction.id, TRANSACTION_ID) : S("");
	return msg_add_verdict(&s->verdicts, s->channel.out, m);
}

err session_verdict(struct session *s, uint64_t code, str status, str reason)
{
	return verdict(s, &(struct msg_verdict){ .code = code, .status = status, .reason = reason }, false);
}

err session_refuse_relay(struct session *s)
{
	return verdict(s,
		&(struct msg_verdict){
			.code = 550, .status = S("5.7.1"), .reason = S("Relaying denied"), .relay_refused = true },
		false);
}

err session_grant(struct session *s, uint64_t code, str status, str reason)
{
	return verdict(s, &(struct msg_verdict){ .code = code, .status = status, .reason = reason }, true);
}

err session_not_now(struct session *s)
{
	return session_verdict(s, 451, S("4.3.0"), S("This cannot be decided at the moment, please try again"));
}
