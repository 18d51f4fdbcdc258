/* SPDX-License-Identifier: Apache-2.0 */
/* Which destinations there is mail for: their domains are read from the store, so many at a time, as far as the schedule has
 * room for them; and again when what was held of an account goes on. */
#include "role/queue/survey.h"

#include "os/clock.h"

enum { SURVEY_MOST = 500, SURVEY_BUDGET = 1 << 20 };

struct survey {
	struct job job;
	struct arena *arena;
	struct remote *r;
	str after;
	struct survey_domain {
		struct survey_domain *next;
		str name;
	} * first, **end;
	unsigned count;
};

static err survey_run(struct job *j, struct spool *spool)
{
	struct survey *s = (struct survey *)j;
	str at = s->after;
	s->first = NULL;
	s->end = &s->first;
	for (s->count = 0; s->count < SURVEY_MOST; s->count++) {
		struct survey_domain *d = NEW(s->arena, struct survey_domain, 1);
		if (d == NULL)
			return FAIL(MEMORY);
		err e = spool_remote_domain(spool, at, s->arena, &d->name);
		if (e.code == ERR_ABSENT)
			return OK;
		TRY(e);
		*s->end = d;
		s->end = &d->next;
		at = d->name;
	}
	return OK;
}

static void survey_on(struct remote *r);

static void survey_take(struct remote *r, const struct survey *s)
{
	for (const struct survey_domain *d = s->first; d != NULL; d = d->next) {
		struct mail *m = mail_make(r, d->name);
		if (m == NULL) {
			r->surveying = false; /* goes on when one is forgotten */
			return;
		}
		memcpy(r->survey_after, d->name.p, d->name.n);
		r->survey_after_n = d->name.n;
		m->more[SCHEDULE_SINGLE] = m->more[SCHEDULE_BULK] = true;
		mail_offer(m, r);
	}
	if (s->count == SURVEY_MOST) {
		survey_on(r);
		return;
	}
	r->surveying = false;
	r->survey_after_n = 0;
	if (r->survey_again)
		remote_survey(r);
}

static void survey_done(struct job *j)
{
	struct survey *s = (struct survey *)j;
	struct remote *r = s->r;
	if (!failed(j->e))
		survey_take(r, s);
	else
		r->surveying = false; /* the store is opened anew, and news of that follow */
	struct arena *a = s->arena;
	arena_free(&a);
	remote_pump(r);
}

static void survey_on(struct remote *r)
{
	struct arena *a = arena_new("survey", SURVEY_BUDGET);
	struct survey *s = NEW(a, struct survey, 1);
	*s = (struct survey){
		.job = { .run = survey_run, .done = survey_done },
		.arena = a,
		.r = r,
		.after = arena_copy(a, str_from(r->survey_after, r->survey_after_n)),
	};
	r->surveying = true;
	writer_post(r->q->writer, &s->job);
}

void remote_survey(struct remote *r)
{
	if (r->surveying) {
		r->survey_again = true;
		return;
	}
	r->survey_again = false;
	r->crowded = false;
	survey_on(r);
}

/* ---- what was held of an account ---- */

struct release {
	struct job job;
	struct arena *arena;
	struct remote *r;
	uint32_t account;
};

static err release_run(struct job *j, struct spool *spool)
{
	return spool_unbrake(spool, ((struct release *)j)->account, clock_utc_ms());
}

static void release_done(struct job *j)
{
	struct release *l = (struct release *)j;
	struct arena *a = l->arena;
	if (!failed(j->e))
		remote_survey(l->r);
	arena_free(&a);
}

void remote_release(struct queue *q, uint32_t account)
{
	struct arena *a = arena_new("release", sizeof(struct release) + 64);
	struct release *l = NEW(a, struct release, 1);
	*l = (struct release){
		.job = { .run = release_run, .done = release_done }, .arena = a, .r = q->remote, .account = account
	};
	writer_post(q->writer, &l->job);
}
