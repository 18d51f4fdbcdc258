/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/home.h"

#include "os/clock.h"
#include "os/random.h"
#include "role/queue/survey.h"

enum { ARENA_ROOM = 64 << 20, NOTED_ROOM = 32000 };

/* ---- lists ---- */

static void list_add(struct parcel_list *l, struct parcel *p, bool in_front)
{
	struct parcel *beside = in_front ? l->first : l->last;
	p->next = in_front ? beside : NULL;
	p->before = in_front ? NULL : beside;
	if (beside == NULL)
		l->first = l->last = p;
	else if (in_front)
		l->first = beside->before = p;
	else
		l->last = beside->next = p;
	l->count++;
}

static void list_remove(struct parcel_list *l, struct parcel *p)
{
	*(p->before != NULL ? &p->before->next : &l->first) = p->next;
	*(p->next != NULL ? &p->next->before : &l->last) = p->before;
	p->next = p->before = NULL;
	l->count--;
}

static struct parcel_list *list_of(struct parcel *p)
{
	return p->state == PARCEL_WAITING ? &p->mail->waiting[p->priority] : &p->mail->out;
}

void parcel_move(struct parcel *p, enum parcel_state to, bool in_front)
{
	list_remove(list_of(p), p);
	p->state = to;
	list_add(list_of(p), p, in_front);
}

/* ---- shares ---- */

static struct share **share_bucket(struct remote *r, str number, uint64_t position)
{
	return &r->shares[(hash_of(&r->q->key, number) + position) % SHARE_BUCKETS];
}

static str number_of(const struct message *m) { return str_from((const char *)m->row.number, SPOOL_NUMBER); }

struct share *share_find(struct remote *r, str number, uint64_t position)
{
	if (number.n != SPOOL_NUMBER)
		return NULL;
	struct share *s = *share_bucket(r, number, position);
	while (s != NULL && (s->position != position || !str_eq(number_of(s->parcel->message), number)))
		s = s->same_bucket;
	return s;
}

static void share_insert(struct remote *r, struct share *s)
{
	struct share **at = share_bucket(r, number_of(s->parcel->message), s->position);
	s->same_bucket = *at;
	*at = s;
}

static void share_remove(struct remote *r, struct share *s)
{
	struct share **at = share_bucket(r, number_of(s->parcel->message), s->position);
	while (*at != s)
		at = &(*at)->same_bucket;
	*at = s->same_bucket;
}

/* ---- parcels ---- */

struct parcel *parcel_new(struct message *message, struct mail *mail, enum schedule_priority p, size_t room)
{
	if (room > PARCEL_RECIPIENTS_MAX)
		room = PARCEL_RECIPIENTS_MAX;
	struct parcel *parcel = NEW(message->arena, struct parcel, 1);
	struct share *shares = NEW(message->arena, struct share, room);
	if (parcel == NULL || shares == NULL)
		return NULL;
	*parcel = (struct parcel){ .message = message, .mail = mail, .priority = p, .shares = shares, .room = room };
	return parcel;
}

/* What is forwarded has a sender of its own, and so a parcel. */
bool parcel_add(struct parcel *p, const struct share *share)
{
	size_t bytes = share->address.n + share->orcpt.n + 64;
	if (p->count > 0 && (share->forward != 0 || p->shares[0].forward != 0))
		return false;
	if (p->count == p->room || (p->count > 0 && p->records + bytes > PARCEL_RECORDS_MAX))
		return false;
	p->shares[p->count] = *share;
	p->shares[p->count].parcel = p;
	p->records += bytes;
	p->count++;
	return true;
}

void parcel_enter(struct parcel *p, struct remote *r)
{
	p->message->held++;
	if (p->has_body)
		p->message->unsent++;
	for (size_t i = 0; i < p->count; i++)
		share_insert(r, &p->shares[i]);
	list_add(list_of(p), p, false);
	r->parcels_count++;
}

void parcel_forget(struct parcel *p, struct remote *r)
{
	struct message *m = p->message;
	for (size_t i = 0; i < p->count; i++)
		share_remove(r, &p->shares[i]);
	list_remove(list_of(p), p);
	if (p->has_job)
		job_remove(r, p);
	r->parcels_count--;
	arena_free(&p->body_arena);
	if (p->has_body)
		message_unneeded(m);
	message_release(m);
}

/* ---- destinations ---- */

/* Milliseconds between two messages by the route there: the domain's own, or that to all others. */
static int64_t ceiling_of(const struct remote *r, str domain)
{
	const struct conf_map *routes = &r->q->service->conf->routes.table;
	str name = S("*");
	for (size_t i = 0; i < routes->count; i++)
		if (str_eq_nocase(routes->items[i].name, domain))
			name = domain;
	const str *text = conf_map_find(routes, name, S("rate"));
	uint64_t rate;
	if (text == NULL || failed(str_number(*text, CONF_RATE_MAX, &rate)) || rate == 0)
		return 0;
	return (int64_t)((CONF_RATE_MAX + rate - 1) / rate);
}

struct mail *mail_make(struct remote *r, str domain)
{
	struct destination *d = schedule_make(r->schedule, domain);
	if (d == NULL) {
		r->crowded = true;
		return NULL;
	}
	if (d->mail != NULL)
		return d->mail;
	struct mail *m = r->unused;
	if (m != NULL)
		r->unused = m->unused;
	else
		m = NEW(r->arena, struct mail, 1);
	if (m == NULL) {
		schedule_forget(r->schedule, d);
		return NULL;
	}
	*m = (struct mail){ .destination = d };
	d->mail = m;
	schedule_ceiling(r->schedule, d, ceiling_of(r, destination_name(d)), clock_ms());
	m->stored = m->looked_up = mail_is_home(m, r); /* whatever back-off the store has was another's */
	return m;
}

static bool is_empty(const struct mail *m)
{
	return m->waiting[SCHEDULE_SINGLE].count == 0 && m->waiting[SCHEDULE_BULK].count == 0 && m->out.count == 0 &&
	       !m->more[SCHEDULE_SINGLE] && !m->more[SCHEDULE_BULK] && !m->loading && !m->stored;
}

static void mail_forget(struct mail *m, struct remote *r)
{
	home_withdraw(m, r);
	schedule_forget(r->schedule, m->destination);
	m->unused = r->unused;
	r->unused = m;
	if (r->crowded && !r->q->stopping)
		remote_survey(r);
}

void mail_offer(struct mail *m, struct remote *r)
{
	int64_t now = clock_ms();
	struct destination *d = m->destination;
	const bool home = mail_is_home(m, r);
	for (unsigned p = 0; p < SCHEDULE_PRIORITIES; p++) {
		bool has = !home && (m->waiting[p].count > 0 || (m->more[p] && !m->loading));
		if (has != d->has[p])
			schedule_offer(r->schedule, d, p, has, now);
	}
	if (home)
		home_offer(m, r);
	else if (m->comes_home)
		home_withdraw(m, r);
	if (is_empty(m) && schedule_is_idle(d, now))
		mail_forget(m, r);
}

void mail_unload(struct mail *m, struct remote *r)
{
	for (unsigned p = 0; p < SCHEDULE_PRIORITIES; p++) {
		if (m->waiting[p].count > 0)
			m->more[p] = true;
		while (m->waiting[p].first != NULL)
			parcel_forget(m->waiting[p].first, r);
		m->after[p] = (struct spool_place){ 0 };
	}
	m->again = m->loading;
}

/* ---- what was just stored ---- */

static bool has_room(const struct mail *m, const struct remote *r, enum schedule_priority p)
{
	return !m->more[p] && !m->loading && m->waiting[p].count < MAIL_WINDOW && remote_has_room(r) &&
	       clock_ms() >= m->destination->paused_until;
}

static struct parcel *last_of(const struct mail *m, const struct message *message, enum schedule_priority p)
{
	struct parcel *last = m->waiting[p].last;
	return last != NULL && last->message == message ? last : NULL;
}

static void keep(struct message *m, const struct spool_recipient *from, struct mail *mail, size_t left)
{
	struct remote *r = m->q->remote;
	struct share share = {
		.position = from->position,
		.notify = from->notify,
		.address = from->address,
		.orcpt = from->orcpt,
		.forward = from->forward,
		.keeper = from->keeper,
		.sender = from->sender,
		.is_inner = from->is_inner,
	};
	struct parcel *p = last_of(mail, m, from->priority);
	if (p != NULL && parcel_add(p, &share)) {
		share_insert(r, &p->shares[p->count - 1]);
		return;
	}
	p = has_room(mail, r, from->priority) ? parcel_new(m, mail, from->priority, left) : NULL;
	if (p == NULL || !parcel_add(p, &share)) {
		mail->more[from->priority] = true;
		return;
	}
	p->has_body = true;
	parcel_enter(p, r);
}

void remote_add(struct message *m, bool kept)
{
	struct remote *r = m->q->remote;
	for (size_t i = 0; i < m->count; i++) {
		const struct spool_recipient *to = &m->recipients[i];
		if (to->state != SPOOL_REMOTE)
			continue;
		struct mail *mail = mail_make(r, to->domain);
		if (mail == NULL)
			continue;
		if (kept)
			keep(m, to, mail, m->count - i);
		else
			mail->more[to->priority] = true;
		mail_offer(mail, r);
	}
	remote_pump(r);
}

void remote_changed(struct queue *q, str domain, bool goes)
{
	struct remote *r = q->remote;
	struct mail *m = mail_make(r, domain);
	if (m == NULL)
		return; /* the survey finds it */
	mail_unload(m, r);
	m->more[SCHEDULE_SINGLE] = m->more[SCHEDULE_BULK] = true;
	if (goes) {
		m->stored = m->looked_up = true; /* whatever back-off the store has does not count now */
		schedule_retry(r->schedule, m->destination, clock_ms());
	}
	mail_offer(m, r);
}

void remote_notice_waits(struct remote *r, uint32_t account, str sender)
{
	if (account > 0)
		accounts_waiting(r->q, account);
	else
		remote_changed(r->q, str_after(sender, str_find_last(sender, '@') + 1), false);
}

void remote_go_on(struct queue *q) { remote_pump(q->remote); }

/* ---- beginning and end ---- */

void remote_start(struct queue *q)
{
	const struct conf_queue *c = &q->service->conf->queue;
	struct remote *r = q->remote;
	r->schedule = schedule_new(&q->key, (int64_t)c->retry_first * 1000, (int64_t)c->retry_max * 1000);
	r->last_job = (uint64_t)clock_utc_ms() << 20;
	remote_survey(r);
	overdue_start(r);
}

struct remote *remote_new(struct queue *q)
{
	struct arena *a = arena_new("remote", ARENA_ROOM);
	struct remote *r = NEW(a, struct remote, 1);
	*r = (struct remote){ .q = q, .arena = a, .noted = buf_in(a, NOTED_ROOM) };
	return r;
}

static void unload_all(struct remote *r)
{
	for (struct destination *d = NULL; (d = schedule_walk(r->schedule, d)) != NULL;) {
		struct mail *m = d->mail;
		mail_unload(m, r);
		while (m->out.first != NULL)
			parcel_forget(m->out.first, r);
	}
}

void remote_renewed(void *queue)
{
	struct queue *q = queue;
	struct remote *r = q->remote;
	/* What is out or being stored comes to its end by itself. */
	for (struct destination *d = NULL; (d = schedule_walk(r->schedule, d)) != NULL;)
		mail_unload(d->mail, r);
	remote_survey(r);
}

void remote_stop(struct queue *q)
{
	struct remote *r = q->remote;
	if (r->schedule != NULL)
		unload_all(r);
	loop_timer_stop(q->service->loop, &r->timer);
	loop_timer_stop(q->service->loop, &r->failed_timer);
	loop_timer_stop(q->service->loop, &r->overdue_timer);
	loop_timer_stop(q->service->loop, &r->home_timer);
	schedule_free(&r->schedule);
	struct arena *a = r->arena;
	arena_free(&a);
}
