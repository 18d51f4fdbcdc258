/* SPDX-License-Identifier: Apache-2.0 */
/* What `directory` asks: each question is a job that goes the way of mail, over connections of its own. */
#include "role/sender/callout.h"

#include "os/clock.h"
#include "role/sender/sender.h"

#define CONVERSATION "ipc/directory_sender.def"
#include "ipc/conversation.h"

enum { CALLOUT_BUDGET = 16 << 10, CALLOUTS_MAX = 512 };

/* ---- what is said ---- */

/* A server that is not as safe as the message demands is there, and would refuse it or lose it on the way. */
static void take_failure(struct job *j)
{
	const struct outcome *o = &j->targets[0].outcome;
	struct callout *c = j->callout;
	const bool lacks = o->kind == OUTCOME_FAILED && (o->cause == CAUSE_tls || o->cause == CAUSE_capability);
	c->answer = lacks ? CALLOUT_REFUSED : CALLOUT_AWAY;
	c->code = 0;
	c->status = lacks ? o->status : S("4.4.1");
	c->text = o->text;
}

static err send_told(const struct job *j)
{
	char room[TEXT_MAX];
	struct sender *s = j->sender;
	const struct callout *c = j->callout;
	const struct msg_told m = { .answer = c->answer,
		.code = c->code,
		.status = c->status,
		.text = plain_text(c->text, room, sizeof room),
		.host = str_of(j->host),
		.size_max = c->size_max };
	return msg_send_told(&s->directory.channel, c->tag, &m);
}

/* An answer that cannot be said now is not said: nobody waits for it for long. */
void callout_end(struct job *j)
{
	struct sender *s = j->sender;
	if (!j->callout->answered)
		take_failure(j);
	if (peer_is_open(&s->directory) && j->callout->directory == s->directories) {
		err e = send_told(j);
		if (failed(e) && e.code != ERR_BUSY)
			peer_close(&s->directory); /* the supervisor brings another */
	}
	s->callouts--;
	struct arena *a = j->arena;
	arena_free(&a);
}

void callouts_doubt(const struct job *j)
{
	struct sender *s = j->sender;
	for (size_t i = 0; i < j->count; i++) {
		const struct target *t = &j->targets[i];
		const struct msg_doubted m = { .recipient = t->address };
		if (t->answered && t->outcome.kind != OUTCOME_DELIVERED && peer_is_open(&s->directory))
			IGNORE(msg_send_doubted(&s->directory.channel, 0, &m)); /* what it knows ends soon */
	}
}

/* ---- what is heard ---- */

static struct job *question_new(struct sender *s, const struct msg_ask *m, uint32_t tag)
{
	struct arena *a = arena_new("callout", CALLOUT_BUDGET);
	struct job *j = NEW(a, struct job, 1);
	*j = (struct job){ .sender = s,
		.arena = a,
		.destination = arena_copy(a, m->domain),
		.from = arena_copy(a, m->sender),
		.size = m->size,
		.utf8 = m->utf8,
		.requires_tls = m->requiretls,
		.file = -1,
		.targets = NEW(a, struct target, 1),
		.count = 1,
		.callout = NEW(a, struct callout, 1) };
	j->targets[0] = (struct target){ .address = arena_copy(a, m->recipient) };
	*j->callout = (struct callout){
		.tag = tag, .directory = s->directories, .deadline = clock_ms() + (int64_t)m->deadline
	};
	s->callouts++;
	return j;
}

static void refuse(struct job *j, enum cause cause, const char *text)
{
	struct failure f;
	failure_set(&f, cause, false, "4.4.1", "%s", text);
	job_answer_rest(j, &f);
	job_end(j);
}

static err on_ask(struct sender *s, const struct msg_ask *m, uint32_t tag)
{
	struct job *j = question_new(s, m, tag);
	if (s->callouts > CALLOUTS_MAX || s->retiring)
		refuse(j, CAUSE_busy, "no more questions can be asked at the moment");
	else if (!route_is_own(route_find(s, j->destination), j->destination))
		refuse(j, CAUSE_route, "there is no route with a host for this domain");
	else
		destination_take(s, j);
	return OK;
}

#define CONVERSATION "ipc/directory_sender.def"
#define HEAR directory_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static const struct peer_kind directory_kind = { .name = "directory", .hear = directory_hear };

void callouts_attach(struct sender *s, int fd)
{
	s->directories++;                     /* what an earlier one asked nobody waits for */
	IGNORE(peer_open(&s->directory, fd)); /* where it fails the supervisor brings another */
}

void callouts_init(struct sender *s) { peer_init(&s->directory, s->service, &directory_kind, s); }
