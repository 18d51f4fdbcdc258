/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/name.h"
#include "role/resolver/resolver.h"

/* ---- places ---- */

static struct question *take_place(struct resolver *r, struct asker *asker)
{
	struct question *q = r->unused;
	if (q == NULL)
		return NULL;
	r->unused = q->next;
	*q = (struct question){ .resolver = r, .asker = asker, .next = asker->questions };
	if (q->next != NULL)
		q->next->before = q;
	asker->questions = q;
	r->open++;
	return q;
}

static void give_place(struct question *q)
{
	struct resolver *r = q->resolver;
	loop_timer_stop(r->service->loop, &q->deadline);
	if (q->context != NULL)
		(void)ub_cancel(q->context, q->id); /* which is right for one that has ended, too */
	ub_resolve_free(q->first);
	held_forget(&q->held);
	*(q->before != NULL ? &q->before->next : &q->asker->questions) = q->next;
	if (q->next != NULL)
		q->next->before = q->before;
	*q = (struct question){ .next = r->unused };
	r->unused = q;
	r->open--;
}

void asker_forget(struct asker *asker)
{
	while (asker->questions != NULL)
		give_place(asker->questions);
}

/* ---- answers ---- */

static str name_of(const struct question *q) { return str_from(q->name, q->name_n); }

/* The place is free before the asker hears: it may ask the next one in it, or be gone afterwards. An answer that finds no room
 * takes it again, so that no more of them wait than questions may be open. */
static void answer(struct question *q, struct msg_lookup_done *m)
{
	struct asker *asker = q->asker;
	uint32_t tag = q->tag;
	char room[DNS_NAME_MAX + 1];
	struct buf name = BUF_ON(room);
	if (m->canonical.p == q->name) {
		buf_add(&name, m->canonical);
		m->canonical = buf_str(&name);
	}
	struct resolver *r = q->resolver;
	give_place(q);
	if (asker->fn(asker->to, tag, m).code == ERR_BUSY)
		held_keep(&take_place(r, asker)->held, r->service->out);
}

err asker_send_held(struct asker *asker, struct channel *c)
{
	for (struct question *q = asker->questions, *next; q != NULL; q = next) {
		next = q->next;
		if (!held_is(&q->held))
			continue;
		TRY(held_send(&q->held, c));
		give_place(q);
	}
	return OK;
}

static void fail(struct question *q, str name, const char *reason)
{
	struct msg_lookup_done m;
	answer_failed(name, q->resolver->state == DNS_VALIDATES, reason, &m);
	answer(q, &m);
}

static void succeed(struct question *q, const struct ub_result *result, bool alias_secure)
{
	struct resolver *r = q->resolver;
	struct msg_lookup_done m;
	const struct answer_parts parts = { name_of(q), q->type, r->state, alias_secure };
	answer_make(result, &parts, r->scratch, r->service->out, &m);
	answer(q, &m);
}

static void on_deadline(void *to)
{
	struct question *q = to;
	fail(q, name_of(q), "no answer in time");
}

/* ---- asking libunbound ---- */

static void on_first_alias(void *to, int error, struct ub_result *result)
{
	struct question *q = to;
	struct ub_result *first = q->first;
	bool secure = error == 0 && result->secure != 0 && result->bogus == 0 && result->havedata != 0 &&
		      q->resolver->state == DNS_VALIDATES;
	q->context = NULL;
	q->first = NULL;
	succeed(q, first, secure);
	ub_resolve_free(first);
	if (error == 0)
		ub_resolve_free(result);
}

static err ask(struct question *q, int type, ub_callback_type callback)
{
	struct ub_ctx *context = resolver_context(q->resolver);
	int id = 0;
	if (context == NULL)
		return FAIL(SYSTEM);
	int error = ub_resolve_async(context, q->name, type, 1, q, callback, &id);
	if (error != 0)
		return FAIL(SYSTEM);
	q->context = context;
	q->id = id;
	return OK;
}

/* The chain of aliases is not secure from end to end; whether its first part is, only a question of its own tells
 * (RFC 7672 2.2.2). */
static bool needs_first_alias(const struct question *q, const struct ub_result *result)
{
	return (q->type == DNS_A || q->type == DNS_AAAA) && q->resolver->state == DNS_VALIDATES &&
	       result->canonname != NULL && result->secure == 0 && result->bogus == 0;
}

static void on_result(void *to, int error, struct ub_result *result)
{
	struct question *q = to;
	q->context = NULL;
	if (error != 0) {
		fail(q, name_of(q), ub_strerror(error));
		return;
	}
	if (needs_first_alias(q, result) && !failed(ask(q, DNS_CNAME, on_first_alias))) {
		q->first = result;
		return;
	}
	succeed(q, result, result->secure != 0 && result->canonname != NULL && q->resolver->state == DNS_VALIDATES);
	ub_resolve_free(result);
}

static void begin(struct question *q)
{
	if (failed(ask(q, (int)q->type, on_result)))
		fail(q, name_of(q), "the resolver cannot take questions");
}

void questions_release(struct resolver *r)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (r->questions[i].asker != NULL && r->questions[i].context == NULL && !held_is(&r->questions[i].held))
			begin(&r->questions[i]);
}

/* There is no place for it, and so none for an answer that finds no room: who asks more than may be open has a deadline, and
 * takes silence for a failure. */
static void refuse(struct resolver *r, struct asker *asker, uint32_t tag, str name)
{
	struct msg_lookup_done m;
	answer_failed(name, r->state == DNS_VALIDATES, "too many questions at once", &m);
	IGNORE(asker->fn(asker->to, tag, &m));
}

void question_ask(
	struct resolver *r, struct asker *asker, uint32_t tag, const struct dns_question *what, unsigned deadline)
{
	char room[DNS_NAME_MAX + 1];
	struct buf name = BUF_ON(room);
	r->asked++;
	struct question *q = take_place(r, asker);
	if (q == NULL) {
		refuse(r, asker, tag, what->name);
		return;
	}
	q->tag = tag;
	q->type = what->type;
	if (failed(dns_name_parse(what->name, &name))) {
		fail(q, what->name, "this is not a name of the DNS");
		return;
	}
	q->name_n = name.n;
	memcpy(q->name, room, name.n);
	q->name[name.n] = '.';
	loop_timer_start(r->service->loop, &q->deadline, deadline, on_deadline, q);
	if (r->proof.settled)
		begin(q);
}
