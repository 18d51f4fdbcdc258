/* SPDX-License-Identifier: Apache-2.0 */
/* A client's group of commands that waits in its middle for the word of an inner server. What has been decided and what is
 * still to be decided is kept; the question that waits is decided anew when the answer is there, and the answers leave
 * together and in their order. */
#include "os/clock.h"
#include "role/directory/session.h"

enum {
	PAUSE_BUDGET = 128 << 10, /* questions and verdicts, of which one frame each is full at most */
	GROUP_MS = 30000,         /* the last question of a group begins by then; `receiver` waits for a minute */
};

struct pause {
	struct arena *arena;  /* which holds it */
	struct pause *before; /* of the same group: it holds what is to be copied into this one */
	str questions;       /* the first of them waits */
	str verdicts;
	int64_t until;
	uint32_t tag;
	struct callout_question asked;
	bool is_answered;
	struct inner_verdict verdict;
};

bool session_is_paused(const struct session *s) { return s->pause != NULL && s->pause->questions.p != NULL; }

static void pause_free(struct pause **p)
{
	struct arena *a = *p != NULL ? (*p)->arena : NULL;
	*p = NULL;
	arena_free(&a);
}

void session_pause_end(struct session *s)
{
	if (s->pause == NULL)
		return;
	if (!s->pause->is_answered)
		callout_forget(&s->role->callouts, s->pause->tag);
	pause_free(&s->pause->before);
	pause_free(&s->pause);
}

err session_pause(struct session *s, str questions)
{
	struct pause *p = s->pause;
	p->questions = arena_copy(p->arena, questions);
	p->verdicts = arena_copy(p->arena, buf_str(&s->verdicts));
	pause_free(&p->before);
	return arena_spent(p->arena) ? FAIL(MEMORY) : OK;
}

static void log_change(const struct session *s, enum inner_change change, const struct callout_result *r)
{
	const str domain = s->pause->asked.domain;
	if (change == INNER_FAILED)
		LOG(&s->log, inner_failed, F_TEXT("domain", domain), F_TEXT("host", r->host),
			F_TEXT("reason", r->text));
	else if (change == INNER_BACK)
		LOG(&s->log, inner_back, F_TEXT("domain", domain), F_TEXT("host", r->host));
	else if (change == INNER_LASTS)
		LOG(&s->log, inner_away, F_TEXT("domain", domain), F_TEXT("host", r->host), F_TEXT("reason", r->text),
			F_TEXT("advice", S("siegel route test DOMAIN --connect shows what the server says")));
}

static void told(void *to, const struct callout_result *r)
{
	struct session *s = to;
	struct pause *p = s->pause;
	p->is_answered = true;
	log_change(s, inner_learn(s->role->inner, &p->asked, r, clock_ms(), &p->verdict), r);
	session_answered(s, session_go_on(s, p->questions, p->verdicts));
}

/* The group's deadline goes on from pause to pause. */
static struct pause *pause_new(int64_t until, const struct callout_question *q)
{
	struct arena *a = arena_new("pause", PAUSE_BUDGET);
	struct pause *p = NEW(a, struct pause, 1);
	*p = (struct pause){ .arena = a, .until = until };
	p->asked = (struct callout_question){ .domain = arena_copy(a, q->domain),
		.sender = arena_copy(a, q->sender),
		.recipient = arena_copy(a, q->recipient),
		.size = q->size,
		.utf8 = q->utf8,
		.requires_tls = q->requires_tls };
	return p;
}

static bool answers(const struct pause *p, const struct callout_question *q)
{
	return p != NULL && p->is_answered && str_eq(p->asked.recipient, q->recipient);
}

err session_ask_inner(struct session *s, const struct callout_question *q, struct inner_verdict *out)
{
	const int64_t now = clock_ms();
	struct directory_role *r = s->role;
	struct pause *p = s->pause;
	uint32_t tag;
	if (answers(p, q)) {
		*out = p->verdict;
		p->asked.recipient = NO_STR; /* once */
		return OK;
	}
	if (inner_recall(r->inner, q, now, out))
		return OK;
	const int64_t until = p != NULL ? p->until : now + GROUP_MS;
	struct pause *new = pause_new(until, q);
	if (now >= until || arena_spent(new->arena) || failed(callout_ask(&r->callouts, &new->asked, told, s, &tag))) {
		pause_free(&new);
		inner_cannot(out);
		return OK;
	}
	new->tag = tag;
	new->before = p;
	s->pause = new;
	return FAIL(AGAIN);
}
