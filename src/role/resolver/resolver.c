/* SPDX-License-Identifier: Apache-2.0 */
#include "role/resolver/resolver.h"

#include "os/fd.h"

#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

enum {
	RESOLVER_BUDGET = 16 << 20,
	REQUESTER_BUDGET = 4 << 10,
	SCRATCH_BUDGET = 4 << 20, /* a message has 64 KiB; each record of it becomes a struct */
	FILE_LONGEST = 1 << 20,
};

/* A process that asks, or a session that it opened. */
struct requester {
	struct resolver *resolver;
	struct arena *arena;
	struct peer peer;
	struct asker asker;
	bool is_session;
	struct requester *next, *before;
};

/* ---- libunbound ---- */

static void on_context(void *to, uint32_t events)
{
	struct context *c = to;
	(void)events;
	(void)ub_process(c->ub); /* calls back; there is nobody else to tell that it failed, and deadlines run */
}

static err context_open(struct resolver *r, struct context *c, bool validates)
{
	const struct library_setup setup = { &r->service->conf->resolver, r->trust_anchor, r->root_hints,
		r->resolv_conf, validates };
	size_t anchors = 0;
	str reason = S("");
	struct ub_ctx *ub;
	err e = library_open(&setup, r->arena, &ub, &anchors, &reason);
	if (failed(e)) {
		LOG(&r->service->log, dns_unusable, F_TEXT("reason", reason), F_ERR(e));
		if (validates)
			r->trouble = reason;
		return e;
	}
	e = loop_add(r->service->loop, &c->watch, ub_fd(ub), EPOLLIN, on_context, c);
	if (failed(e)) {
		ub_ctx_delete(ub);
		return e;
	}
	c->ub = ub;
	if (validates)
		r->anchors = anchors;
	return OK;
}

struct ub_ctx *resolver_context(struct resolver *r)
{
	bool validates = r->state != DNS_DOES_NOT_VALIDATE;
	struct context *c = validates ? &r->validating : &r->plain;
	if (c->ub == NULL && failed(context_open(r, c, validates)))
		return NULL;
	return c->ub;
}

/* ---- those who ask ---- */

static void requester_free(struct requester *q)
{
	struct resolver *r = q->resolver;
	struct arena *a = q->arena;
	*(q->before != NULL ? &q->before->next : &r->requesters) = q->next;
	if (q->next != NULL)
		q->next->before = q->before;
	r->sessions -= q->is_session;
	asker_forget(&q->asker);
	peer_close(&q->peer);
	arena_free(&a);
}

static void requester_gone(void *to) { requester_free(to); }

static err send_answer(void *to, uint32_t tag, const struct msg_lookup_done *m)
{
	struct requester *q = to;
	err e = msg_send_lookup_done(&q->peer.channel, tag, m);
	if (e.code == ERR_BUSY)
		peer_await_room(&q->peer);
	return e;
}

static void requester_room(void *to)
{
	struct requester *q = to;
	if (asker_send_held(&q->asker, &q->peer.channel).code == ERR_BUSY)
		peer_await_room(&q->peer);
}

static void requester_new(struct resolver *r, bool is_session, int fd);

static err on_session_open(struct requester *q, const struct msg_session_open *m, uint32_t tag)
{
	int fd = m->end;
	(void)tag;
	if (!q->is_session && q->resolver->sessions < SESSIONS_MAX) {
		requester_new(q->resolver, true, fd);
		return OK;
	}
	fd_close(&fd);
	return q->is_session ? FAIL(SYNTAX) : OK;
}

static err on_lookup(struct requester *q, const struct msg_lookup *m, uint32_t tag)
{
	if (dns_type_name(m->type) == NULL)
		return FAIL(SYNTAX);
	const struct dns_question what = { m->name, (enum dns_type)m->type };
	question_ask(q->resolver, &q->asker, tag, &what, (unsigned)m->deadline);
	return OK;
}

#define CONVERSATION "ipc/opener_server.def"
#define HEAR opener_hear
#define HEAR_PEER struct requester
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

#define CONVERSATION "ipc/sender_resolver.def"
#define HEAR lookup_hear
#define HEAR_PEER struct requester
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err requester_hear(void *to, struct hear_counts *counts, struct frame *f)
{
	return f->number == MSG_session_open ? opener_hear(to, counts, f) : lookup_hear(to, counts, f);
}

static const struct peer_kind requester_kind = {
	.name = "sender", .hear = requester_hear, .gone = requester_gone, .room = requester_room
};

static void tell(struct requester *q)
{
	const struct resolver *r = q->resolver;
	const struct msg_validation m = { .state = r->state, .reason = str_from(r->proof.reason, r->proof.reason_n) };
	if (!q->is_session && r->proof.settled && peer_is_open(&q->peer))
		IGNORE(msg_send_validation(&q->peer.channel, 0, &m)); /* each answer says it again */
}

static void requester_new(struct resolver *r, bool is_session, int fd)
{
	struct arena *a = arena_new("requester", REQUESTER_BUDGET);
	struct requester *q = NEW(a, struct requester, 1);
	if (q == NULL) {
		fd_close(&fd);
		arena_free(&a);
		return;
	}
	*q = (struct requester){ .resolver = r, .arena = a, .is_session = is_session, .next = r->requesters };
	q->asker = (struct asker){ .fn = send_answer, .to = q };
	if (q->next != NULL)
		q->next->before = q;
	r->requesters = q;
	r->sessions += is_session;
	peer_init(&q->peer, r->service, &requester_kind, q);
	if (failed(peer_open(&q->peer, fd)))
		requester_free(q);
	else
		tell(q);
}

/* ---- what everybody is told ---- */

void resolver_tell(struct resolver *r)
{
	str reason = str_from(r->proof.reason, r->proof.reason_n);
	switch (r->state) {
	case DNS_VALIDATES:
		LOG(&r->service->log, dns_validates, F_NUMBER("anchors", r->anchors));
		break;
	case DNS_DOES_NOT_VALIDATE:
		LOG(&r->service->log, dns_not_validating, F_TEXT("reason", reason));
		break;
	case DNS_NOT_PROVED:
		LOG(&r->service->log, dns_not_proved, F_TEXT("reason", reason));
		break;
	}
	for (struct requester *q = r->requesters; q != NULL; q = q->next)
		tell(q);
}

/* ---- the role ---- */

void resolver_prepare(struct service *s)
{
	struct arena *a = arena_new("resolver", RESOLVER_BUDGET);
	struct resolver *r = NEW(a, struct resolver, 1);
	struct question *places = NEW(a, struct question, QUESTIONS_MAX);
	*r = (struct resolver){
		.service = s, .arena = a, .scratch = arena_new("answer", SCRATCH_BUDGET), .questions = places
	};
	r->validating.watch.fd = r->plain.watch.fd = -1;
	for (size_t i = QUESTIONS_MAX; i-- > 0;) {
		places[i].next = r->unused;
		r->unused = &places[i];
	}
	r->door = admin_door_new(s, resolver_verbs, r);
	s->state = r;
}

void resolver_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct resolver *r = s->state;
	(void)account;
	(void)pid;
	if (str_eq(peer, S("control")))
		admin_door_connect(r->door, fd);
	else
		requester_new(r, false, fd);
}

void resolver_file(struct service *s, str name, int fd)
{
	struct resolver *r = s->state;
	str *place = str_eq(name, S("trust_anchor"))  ? &r->trust_anchor
		     : str_eq(name, S("root_hints"))  ? &r->root_hints
		     : str_eq(name, S("resolv_conf")) ? &r->resolv_conf
						      : NULL;
	err e = place != NULL ? fd_read_file(fd, FILE_LONGEST, r->arena, place) : OK;
	if (failed(e))
		LOG(&s->log, dns_unusable, F_TEXT("reason", name), F_ERR(e));
	fd_close(&fd);
}

err resolver_start(struct service *s)
{
	struct resolver *r = s->state;
	/* Without a key that can be read nothing is validated. The proof says so by an alarm, and mail goes on. */
	IGNORE(context_open(r, &r->validating, true));
	proof_start(r);
	return OK;
}

static void context_close(struct resolver *r, struct context *c)
{
	loop_remove(r->service->loop, &c->watch);
	if (c->ub != NULL)
		ub_ctx_delete(c->ub);
	c->ub = NULL;
}

void resolver_stop(struct service *s)
{
	struct resolver *r = s->state;
	while (r->requesters != NULL)
		requester_free(r->requesters);
	proof_stop(&r->proof);
	context_close(r, &r->validating);
	context_close(r, &r->plain);
	struct arena *a = r->arena;
	arena_free(&r->scratch);
	s->state = NULL;
	arena_free(&a);
}
