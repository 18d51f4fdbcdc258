/* SPDX-License-Identifier: Apache-2.0 */
/* Threads are fewer than connections. Whoever waits in a dialogue for what is asked goes first, then what one writes to
 * another, then mail for many, which never holds more than three quarters of the threads: otherwise its slow servers would
 * hold up the rest. A connection that only waits for more mail gives way to those that have some, be it a thread that they
 * lack or one of the places of mail for many. */
#include "role/sender/sender.h"

enum { RANK_ASKS, RANK_SINGLE, RANK_BULK };

static unsigned rank_of(const struct connection *c)
{
	const struct destination *d = c->destination;
	if (d->asks)
		return RANK_ASKS;
	return d->first != NULL && d->first->bulk ? RANK_BULK : RANK_SINGLE;
}

static size_t bulk_max(const struct sender *s)
{
	const size_t most = (size_t)s->conf->sender.sessions_max * 3 / 4;
	return most > 0 ? most : 1;
}

/* How many of those greeted wait for a place of mail for many, whatever threads there are. */
static size_t lack_place(const struct sender *s)
{
	const size_t most = bulk_max(s), places = most > s->bulk_sessions ? most - s->bulk_sessions : 0;
	return s->greeted_bulk > places ? s->greeted_bulk - places : 0;
}

bool turns_lack_thread(const struct sender *s) { return s->greeted_count - lack_place(s) > s->threads_idle; }

void turns_add(struct connection *c)
{
	struct sender *s = c->sender;
	c->rank = rank_of(c);
	s->greeted_count++;
	s->greeted_bulk += c->rank == RANK_BULK;
	/* Nearly always it is the last. */
	if (s->greeted_last != NULL && s->greeted_last->rank <= c->rank) {
		c->next_greeted = NULL;
		s->greeted_last->next_greeted = c;
		s->greeted_last = c;
		return;
	}
	struct connection **at = &s->greeted_first;
	while (*at != NULL && (*at)->rank <= c->rank)
		at = &(*at)->next_greeted;
	c->next_greeted = *at;
	*at = c;
	if (c->next_greeted == NULL)
		s->greeted_last = c;
}

struct connection *turns_next(struct sender *s)
{
	struct connection *c = s->greeted_first;
	if (c == NULL || (c->rank == RANK_BULK && s->bulk_sessions >= bulk_max(s)))
		return NULL;
	s->greeted_first = c->next_greeted;
	if (s->greeted_first == NULL)
		s->greeted_last = NULL;
	c->bulk = c->rank == RANK_BULK;
	s->greeted_count--;
	s->greeted_bulk -= c->bulk;
	s->bulk_sessions += c->bulk;
	return c;
}

void turns_job(struct connection *c, const struct job *j)
{
	struct sender *s = c->sender;
	const bool bulk = j != NULL && j->bulk, leaves = c->bulk && !bulk;
	s->bulk_sessions += bulk;
	s->bulk_sessions -= c->bulk;
	c->bulk = bulk;
	if (!leaves || s->greeted_first == NULL)
		return;
	pthread_cond_signal(&s->greeted); /* another may have its place */
	turns_make_room(s);
}

/* ---- those that wait for mail ---- */

bool turns_may_linger(const struct connection *c)
{
	const struct sender *s = c->sender;
	return c->destination->asks || (!turns_lack_thread(s) && !(c->bulk && lack_place(s) > 0));
}

void turns_linger(struct connection *c)
{
	struct sender *s = c->sender;
	c->next_lingering = NULL;
	c->before_lingering = s->lingering_last;
	*(s->lingering_last != NULL ? &s->lingering_last->next_lingering : &s->lingering) = c;
	s->lingering_last = c;
}

void turns_linger_end(struct connection *c)
{
	struct sender *s = c->sender;
	*(c->before_lingering != NULL ? &c->before_lingering->next_lingering : &s->lingering) = c->next_lingering;
	*(c->next_lingering != NULL ? &c->next_lingering->before_lingering : &s->lingering_last) = c->before_lingering;
	c->next_lingering = c->before_lingering = NULL;
}

void turns_make_room(struct sender *s)
{
	const bool any = turns_lack_thread(s), bulk = lack_place(s) > 0;
	struct connection *c = any || bulk ? s->lingering : NULL;
	while (c != NULL && (c->yields || c->given != NULL || c->destination->asks || (!any && !c->bulk)))
		c = c->next_lingering;
	if (c == NULL)
		return;
	c->yields = true;
	pthread_cond_signal(&c->wake);
}
