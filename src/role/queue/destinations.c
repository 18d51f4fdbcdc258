/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/destinations.h"

#include "role/queue/show.h"

enum { PAGE_DESTINATIONS = 100, LINE_ROOM = 3000 };

/* ---- the page ---- */

static err next_name(struct spool *spool, str after, struct arena *a, str *out)
{
	str waiting = NO_STR, alone = NO_STR;
	err e = spool_remote_domain(spool, after, a, &waiting);
	if (failed(e) && e.code != ERR_ABSENT)
		return e;
	e = spool_destination_next(spool, after, a, &alone);
	if (failed(e) && e.code != ERR_ABSENT)
		return e;
	if (waiting.p == NULL && alone.p == NULL)
		return FAIL(ABSENT);
	*out = alone.p == NULL || (waiting.p != NULL && str_compare(waiting, alone) < 0) ? waiting : alone;
	return OK;
}

struct first {
	struct arena *arena;
	struct listing_destination *d;
};

static void keep_why(struct arena *a, struct listing_destination *d, const struct spool_diagnosis *why)
{
	d->why = *why;
	d->why.text = arena_copy(a, why->text);
	d->why.host = arena_copy(a, why->host);
}

static err keep_first(void *to, const struct spool_message *m, const struct spool_remote *row)
{
	const struct first *f = to;
	(void)m;
	if (row->due < f->d->due)
		f->d->due = row->due;
	if (f->d->why.cause == CAUSE_none)
		keep_why(f->arena, f->d, &row->last);
	return OK;
}

/* When its mail is due, and what was said of the first of it: where nothing is said of the destination as a whole. */
static err read_first(struct listing *l, struct spool *spool, struct listing_destination *d)
{
	struct first first = { l->page, d };
	for (unsigned p = 0; p < SCHEDULE_PRIORITIES; p++) {
		const struct spool_remote_question q = {
			.domain = d->name, .priority = p, .now = INT64_MAX, .most = 1
		};
		TRY(spool_remote_list(spool, &q, &(struct spool_remote_rows){ keep_first, &first }));
	}
	return OK;
}

static err read_destination(struct listing *l, struct spool *spool, struct listing_destination *d)
{
	TRY(spool_remote_count(spool, d->name, DESTINATIONS_COUNTED, &d->messages, &d->recipients));
	err e = spool_destination_get(spool, d->name, l->page, &d->pause);
	if (failed(e) && e.code != ERR_ABSENT)
		return e;
	d->left_alone = !failed(e);
	d->due = INT64_MAX;
	if (d->left_alone)
		keep_why(l->page, d, &d->pause.why);
	return d->recipients > 0 ? read_first(l, spool, d) : OK;
}

static err name_of_next(struct listing *l, struct spool *spool, str *out)
{
	if (l->domain.p == NULL)
		return next_name(spool, str_from(l->place.after_name, l->place.after_name_n), l->page, out);
	struct buf lower = buf_in(l->page, l->domain.n + 1);
	for (size_t i = 0; i < l->domain.n; i++)
		buf_byte(&lower, ascii_lower(l->domain.p[i]));
	*out = buf_str(&lower);
	return OK;
}

static void go_behind(struct listing *l, str name)
{
	l->place.after_name_n = name.n < sizeof l->place.after_name ? name.n : sizeof l->place.after_name;
	memcpy(l->place.after_name, name.p, l->place.after_name_n);
	l->place.shown++;
}

/* A page ends after so many, or when so much was counted that somebody's mail would have to wait for it. */
err destinations_read(struct listing *l, struct spool *spool)
{
	struct listing_destination **end = &l->destinations;
	unsigned counted = 0;
	l->more = true;
	for (unsigned n = 0; n < PAGE_DESTINATIONS && counted < DESTINATIONS_COUNTED && l->more; n++) {
		struct listing_destination *d = NEW(l->page, struct listing_destination, 1);
		if (d == NULL)
			return FAIL(MEMORY);
		err e = name_of_next(l, spool, &d->name);
		if (!failed(e))
			e = read_destination(l, spool, d);
		if (e.code == ERR_ABSENT) {
			l->more = false;
			break;
		}
		TRY(e);
		go_behind(l, d->name);
		l->more = l->domain.p == NULL && l->place.shown < l->limit;
		counted += d->recipients;
		if (d->recipients == 0 && !d->left_alone)
			continue; /* the one that was asked for */
		*end = d;
		end = &d->next;
	}
	return arena_spent(l->page) ? FAIL(MEMORY) : OK;
}

/* ---- its lines ---- */

static void put_why(struct json *j, const struct spool_diagnosis *why)
{
	if (why->cause != CAUSE_none)
		json_text(j, "cause", cause_word(why->cause));
	if (why->code != 0)
		json_number(j, "code", why->code);
	if (why->host.n > 0)
		json_text(j, "host", why->host);
	if (why->text.n > 0)
		json_text(j, "reason", why->text);
}

static err show(struct listing *l, struct remote *r, const struct listing_destination *d)
{
	char room[LINE_ROOM];
	struct buf text = BUF_ON(room);
	struct json j = json_begin(&text);
	int64_t next = 0;
	json_text(&j, "destination", d->name);
	json_number(&j, "messages", d->messages);
	json_number(&j, "recipients", d->recipients);
	json_flag(&j, "more", d->recipients == DESTINATIONS_COUNTED);
	destination_put(r, d->name, d->left_alone ? &d->pause : NULL, &j, &next);
	if (d->recipients > 0 && d->due > next)
		next = d->due;
	if (next > l->now)
		listing_put_time(&j, "next", next);
	put_why(&j, &d->why);
	return listing_add(l, &j, &text);
}

err destinations_show(struct listing *l, struct remote *r)
{
	for (const struct listing_destination *d = l->destinations; d != NULL; d = d->next)
		TRY(show(l, r, d));
	return OK;
}
