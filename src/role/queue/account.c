/* SPDX-License-Identifier: Apache-2.0 */
/* Who has mail waiting. The store knows all of it; memory holds the next few of each account, bodies with them, so that a
 * delivery right after acceptance reads nothing. An account whose mail does not all fit has `more`: what comes in for it is
 * left in the store and read in its turn, from a position on. */
#include "os/clock.h"
#include "os/random.h"
#include "role/queue/account.h"
#include "role/queue/success.h"
#include "store/spool/file.h"

enum {
	WAITING_MAX = 256, /* of one account, in memory */
	LOAD_MOST = 64,
	LOAD_BYTES = 2 << 20,
	LOAD_BUDGET = 4 << 20,
	REST_MS = 1000, /* after the store failed */
};

/* ---- lists and tables ---- */

static void list_add(struct delivery_list *l, struct delivery *d)
{
	d->next = NULL;
	d->before = l->last;
	*(l->last != NULL ? &l->last->next : &l->first) = d;
	l->last = d;
	l->count++;
}

static void list_remove(struct delivery_list *l, struct delivery *d)
{
	*(d->before != NULL ? &d->before->next : &l->first) = d->next;
	*(d->next != NULL ? &d->next->before : &l->last) = d->before;
	d->next = d->before = NULL;
	l->count--;
}

static struct delivery **bucket(struct queue *q, str number, uint64_t position)
{
	return &q->deliveries[(hash_of(&q->key, number) + position) % DELIVERY_BUCKETS];
}

static str number_of(const struct delivery *d) { return str_from((const char *)d->message->row.number, SPOOL_NUMBER); }

struct delivery *delivery_find(struct queue *q, str number, uint64_t position)
{
	if (number.n != SPOOL_NUMBER)
		return NULL;
	struct delivery *d = *bucket(q, number, position);
	while (d != NULL && (d->position != position || !str_eq(number_of(d), number)))
		d = d->same_bucket;
	return d;
}

struct account *account_get(struct queue *q, uint32_t number)
{
	struct account **at = &q->accounts[number % ACCOUNT_BUCKETS];
	for (struct account *a = *at; a != NULL; a = a->same_bucket)
		if (a->number == number)
			return a;
	struct arena *arena = arena_new("account", sizeof(struct account) + 64);
	struct account *a = NEW(arena, struct account, 1);
	*a = (struct account){ .q = q, .arena = arena, .number = number, .same_bucket = *at };
	peer_init(&a->mailbox, q->service, &mailbox_kind, a);
	a->mailbox.account = number;
	*at = a;
	return a;
}

static void account_free(struct account *a)
{
	struct account **at = &a->q->accounts[a->number % ACCOUNT_BUCKETS];
	while (*at != a)
		at = &(*at)->same_bucket;
	*at = a->same_bucket;
	loop_timer_stop(a->q->service->loop, &a->timer);
	peer_close(&a->mailbox);
	struct arena *arena = a->arena;
	arena_free(&arena);
}

void account_rest(struct account *a)
{
	if (account_has_mail(a) || a->out.count > 0 || a->gone > 0 || a->loading || peer_is_open(&a->mailbox))
		return;
	account_free(a);
}

/* ---- deliveries ---- */

void message_unneeded(struct message *m)
{
	if (--m->unsent == 0)
		body_drop(&m->body, &m->q->pool);
}

void message_release(struct message *m)
{
	if (--m->held == 0)
		message_free(&m);
}

/* Out of the table; the message goes with the last. */
static void delivery_forget(struct delivery *d)
{
	struct message *m = d->message;
	struct queue *q = m->q;
	struct delivery **at = bucket(q, number_of(d), d->position);
	while (*at != d)
		at = &(*at)->same_bucket;
	*at = d->same_bucket;
	q->deliveries_count--;
	message_release(m);
}

static void enter(struct delivery *d, struct account *a)
{
	struct queue *q = a->q;
	struct delivery **at = bucket(q, number_of(d), d->position);
	d->account = a;
	d->state = DELIVERY_WAITING;
	d->same_bucket = *at;
	*at = d;
	list_add(&a->waiting, d);
	q->deliveries_count++;
	d->message->held++;
	d->message->unsent++;
}

static bool has_room(const struct account *a)
{
	return !a->more && !a->loading && a->waiting.count < WAITING_MAX && a->q->deliveries_count < DELIVERIES_MAX;
}

void deliveries_add(struct message *m)
{
	struct queue *q = m->q;
	bool kept = body_keep(&m->body, &q->pool);
	m->deliveries = NEW(m->arena, struct delivery, m->count);
	m->held = 1; /* ours, until all have been looked at */
	m->unsent = 1;
	for (size_t i = 0; i < m->count; i++) {
		const struct spool_recipient *r = &m->recipients[i];
		if (r->account == 0)
			continue;
		struct account *a = account_get(q, r->account);
		if (kept && m->deliveries != NULL && has_room(a)) {
			m->deliveries[i] = (struct delivery){ .message = m,
				.position = r->position,
				.address = r->address,
				.detail = r->detail,
				.orcpt = r->orcpt,
				.is_awaited = success_is_awaited(&m->row, r) };
			enter(&m->deliveries[i], a);
		} else {
			a->more = true;
		}
	}
	/* Pumping may deliver, and so take the message away: it is held meanwhile. */
	for (size_t i = 0; i < m->count; i++)
		if (m->recipients[i].account > 0)
			account_pump(account_get(q, m->recipients[i].account));
	remote_add(m, kept);
	message_unneeded(m);
	message_release(m);
}

void delivery_out(struct delivery *d)
{
	list_remove(&d->account->waiting, d);
	list_add(&d->account->out, d);
	d->state = DELIVERY_OUT;
	message_unneeded(d->message);
}

/* Read again from the beginning: what is in memory still is recognised. */
static void read_again(struct account *a)
{
	a->more = true;
	a->again = a->loading;
	a->after_message = 0;
	a->after_position = 0;
}

void deliveries_back(struct account *a)
{
	if (a->out.count > 0)
		read_again(a);
	while (a->out.first != NULL) {
		struct delivery *d = a->out.first;
		list_remove(&a->out, d);
		delivery_forget(d);
	}
}

void account_unload(struct account *a)
{
	if (a->waiting.count > 0)
		read_again(a);
	while (a->waiting.first != NULL) {
		struct delivery *d = a->waiting.first;
		list_remove(&a->waiting, d);
		message_unneeded(d->message);
		delivery_forget(d);
	}
}

static err run_remove(struct job *j, struct spool *spool)
{
	struct delivery *d = (struct delivery *)j;
	bool last = false;
	TRY(spool_locate(spool, &d->message->row));
	if (d->is_awaited)
		TRY(success_tell(d, spool));
	TRY(spool_remove(spool, d->message->row.id, d->position, &last));
	d->due = last && (d->message->row.flags & SPOOL_FILE) != 0;
	return OK;
}

static void remove_file(struct job *j)
{
	struct delivery *d = (struct delivery *)j;
	if (d->due != 0)
		spool_file_remove(d->message->row.number);
}

static err run_defer(struct job *j, struct spool *spool)
{
	struct delivery *d = (struct delivery *)j;
	TRY(spool_locate(spool, &d->message->row));
	return spool_defer(spool, d->message->row.id, d->position, d->due, d->reason);
}

/* After a failure the row is still there, or comes out of a damaged store: it is offered again, which writer_news tell. */
static void job_done(struct job *j)
{
	struct delivery *d = (struct delivery *)j;
	struct account *a = d->account;
	struct queue *q = a->q;
	uint32_t told = d->is_awaited && !failed(j->e) ? d->message->row.account : 0;
	a->gone--;
	delivery_forget(d);
	account_pump(a);
	account_rest(a);
	if (told > 0)
		accounts_waiting(q, told);
}

static void post(struct delivery *d, err (*run)(struct job *, struct spool *), void (*committed)(struct job *))
{
	struct account *a = d->account;
	if (d->state == DELIVERY_OUT) {
		list_remove(&a->out, d);
	} else {
		list_remove(&a->waiting, d);
		message_unneeded(d->message);
	}
	d->state = DELIVERY_GONE;
	d->job = (struct job){
		.run = run, .committed = committed, .done = job_done, .haste = JOB_LAZY, .order = d->message->row.id
	};
	a->gone++;
	writer_post(a->q->writer, &d->job);
}

void delivery_done(struct delivery *d) { post(d, run_remove, remove_file); }

static err run_hold(struct job *j, struct spool *spool)
{
	const struct delivery *d = (struct delivery *)j;
	bool changed;
	TRY(spool_locate(spool, &d->message->row));
	return spool_hold(spool, d->message->row.id, d->position, &changed);
}

static void delivery_hold(struct delivery *d) { post(d, run_hold, NULL); }

/* Doubles from the second attempt on, with up to an eighth more, so that what failed together does not come together. */
static int64_t retry_ms(const struct queue *q, unsigned attempts)
{
	const struct conf_queue *c = &q->service->conf->queue;
	uint64_t seconds = c->retry_first;
	for (unsigned i = 0; i < attempts && seconds < c->retry_max; i++)
		seconds *= 2;
	if (seconds > c->retry_max)
		seconds = c->retry_max;
	return (int64_t)(seconds * 1000 + random_below(seconds * 1000 / 8 + 1));
}

void delivery_defer(struct delivery *d, str reason)
{
	struct queue *q = d->account->q;
	struct message *m = d->message;
	char name[NUMBER_TEXT];
	int64_t wait = retry_ms(q, d->attempts);
	LOG(&q->service->log, message_deferred, F_TEXT("message", message_name(m, name)),
		F_ADDRESS("recipient", d->address), F_NUMBER("account", d->account->number), F_TEXT("reason", reason),
		F_NUMBER("milliseconds", (uint64_t)wait));
	d->due = clock_utc_ms() + wait;
	d->reason = arena_copy(m->arena, reason);
	post(d, run_defer, NULL);
}

/* ---- reading more ---- */

struct load {
	struct job job;
	struct arena *arena;
	struct account *account;
	uint32_t number;
	int64_t from_message, after_message;
	unsigned from_position, after_position;
	struct message *first, **end;
	unsigned rows;
	size_t bytes;
	bool cut; /* there was more than fits */
};

static err load_row(void *to, const struct spool_message *row, const struct spool_recipient *r)
{
	struct load *l = to;
	l->rows++;
	if (l->cut || (l->bytes > 0 && l->bytes + row->size > LOAD_BYTES)) {
		l->cut = true;
		return OK;
	}
	struct message *m = message_of_row(l->account->q, row);
	m->deliveries = NEW(m->arena, struct delivery, 1);
	*m->deliveries = (struct delivery){
		.message = m,
		.position = r->position,
		.attempts = r->attempts,
		.address = arena_copy(m->arena, r->address),
		.detail = arena_copy(m->arena, r->detail),
		.orcpt = arena_copy(m->arena, r->orcpt),
		.is_awaited = success_is_awaited(row, r),
	};
	l->bytes += (size_t)row->size;
	*l->end = m;
	l->end = &m->younger;
	l->after_message = row->id;
	l->after_position = r->position;
	return OK;
}

static void load_drop(struct load *l)
{
	while (l->first != NULL) {
		struct message *m = l->first;
		l->first = m->younger;
		arena_free(&m->body.arena);
		message_free(&m);
	}
	l->end = &l->first;
}

static err load_bodies(struct load *l, struct spool *spool)
{
	for (struct message *m = l->first; m != NULL; m = m->younger)
		TRY(body_load(&m->body, &m->row, spool, LOAD_BUDGET));
	return OK;
}

static err load_run(struct job *j, struct spool *spool)
{
	struct load *l = (struct load *)j;
	load_drop(l);
	l->rows = 0;
	l->bytes = 0;
	l->cut = false;
	l->after_message = l->from_message;
	l->after_position = l->from_position;
	TRY(spool_waiting(spool, l->number, l->from_message, l->from_position, LOAD_MOST,
		&(struct spool_delivery_rows){ load_row, l }));
	return load_bodies(l, spool);
}

/* From the job's list into the account's, unless memory has it already. */
static void load_take(struct account *a, struct message *m)
{
	struct queue *q = a->q;
	struct delivery *d = m->deliveries;
	struct arena *bytes = m->body.arena;
	m->younger = NULL;
	m->body.arena = NULL;
	if (delivery_find(q, number_of(d), d->position) != NULL) {
		arena_free(&bytes);
		message_free(&m);
		return;
	}
	bool lost = !m->body.large && m->body.whole.p == NULL;
	if (lost)
		arena_free(&bytes);
	else if (!m->body.large)
		body_take(&m->body, &q->pool, &bytes, m->body.whole);
	enter(d, a);
	if (m->body.damaged) {
		message_damaged(m);
		delivery_hold(d);
	} else if (lost) {
		LOG(&q->service->log, store_damaged, F_TEXT("store", S("spool/queue.db")),
			F_TEXT("reason", S("a message has no body")));
		delivery_defer(d, S("its body is missing in the spool"));
	}
}

static void load_done(struct job *j)
{
	struct load *l = (struct load *)j;
	struct account *a = l->account;
	struct arena *arena = l->arena;
	a->loading = false;
	if (failed(j->e)) {
		load_drop(l);
		a->rest_until = clock_ms() + REST_MS;
	} else {
		a->more = a->again || l->cut || l->rows == LOAD_MOST;
		a->after_message = a->again ? 0 : l->after_message;
		a->after_position = a->again ? 0 : l->after_position;
		while (l->first != NULL) {
			struct message *m = l->first;
			l->first = m->younger;
			load_take(a, m);
		}
	}
	a->again = false;
	arena_free(&arena);
	account_pump(a);
	account_rest(a);
}

bool account_load(struct account *a)
{
	if (a->loading)
		return true;
	if (a->q->stopping || a->q->deliveries_count >= DELIVERIES_MAX || clock_ms() < a->rest_until)
		return false;
	struct arena *arena = arena_new("load", sizeof(struct load) + 64);
	struct load *l = NEW(arena, struct load, 1);
	*l = (struct load){
		.job = { .run = load_run, .done = load_done },
		.arena = arena,
		.account = a,
		.number = a->number,
		.from_message = a->after_message,
		.from_position = a->after_position,
	};
	l->end = &l->first;
	a->loading = true;
	writer_post(a->q->writer, &l->job);
	return true;
}

/* ---- news of the store ---- */

void accounts_waiting(void *queue, uint32_t account)
{
	struct account *a = account_get(queue, account);
	read_again(a);
	account_pump(a);
}

void account_changed(struct queue *q, uint32_t account)
{
	account_unload(account_get(q, account));
	accounts_waiting(q, account);
}

void accounts_renewed(void *queue)
{
	struct queue *q = queue;
	remote_renewed(q);
	for (size_t i = 0; i < ACCOUNT_BUCKETS; i++)
		for (struct account *a = q->accounts[i], *next; a != NULL; a = next) {
			next = a->same_bucket;
			account_unload(a);
			deliveries_back(a);
			a->more = false;
			account_pump(a);
			account_rest(a);
		}
}

void accounts_stop(struct queue *q)
{
	for (size_t i = 0; i < ACCOUNT_BUCKETS; i++)
		while (q->accounts[i] != NULL) {
			account_unload(q->accounts[i]);
			deliveries_back(q->accounts[i]);
			account_free(q->accounts[i]);
		}
}
