/* SPDX-License-Identifier: Apache-2.0 */
/* How TLS went with other domains, as reports by RFC 8460 4 want it: noted by the sessions' threads, counted here for a moment, and
 * told to `ledger`, which keeps it. What there is no room for while `ledger` is away is lost, and the log says how much. */
#include <stdio.h>

#include "os/clock.h"
#include "role/sender/sender.h"

#define CONVERSATION "ipc/sender_ledger.def"
#include "ipc/conversation.h"

enum {
	RESULTS_BUDGET = 2 << 20,
	RESULTS_MAX = 1024,
	DAY_S = 86400,
	SEND_MS = 200,
	TEXT_ROOM = 30000, /* as sender_ledger.def */
	REASON_MAX = 200,
	ADDRESS_ROOM = 64,
};

struct tls_result {
	struct tls_result *next;
	int64_t day;
	enum security_source source;
	str domain, text, hosts, host, helo, address, local, reason;
	enum tls_result_type type;
	uint64_t count;
};

struct tls_results {
	struct arena *arena; /* of all of them; begins anew when all are sent */
	struct tls_result *first;
	size_t count;
	uint64_t lost;
};

static struct tls_results results;

void results_init(struct sender *s)
{
	arena_free(&results.arena); /* where one process begins more than once: in tests */
	results = (struct tls_results){ .arena = arena_new("results", RESULTS_BUDGET) };
	s->results = &results;
}

/* ---- noting ---- */

static void write_sts(struct buf *b, const struct mta_sts_policy *p)
{
	buf_addf(b, "version: STSv1\nmode: %s\nmax_age: %u\n", mta_sts_mode_name(p->mode), (unsigned)p->max_age);
	for (size_t i = 0; i < p->patterns_count; i++)
		buf_addf(b, "mx: %.*s\n", ARG(p->patterns[i]));
}

static void write_records(struct buf *b, const struct host *h)
{
	for (size_t i = 0; i < h->records_seen; i++) {
		const struct tlsa_record *r = &h->records[i];
		buf_addf(b, "%u %u %u ", r->usage, r->selector, r->matching);
		buf_hex(b, r->data.p, r->data.n < RECORD_SHOWN_MAX ? r->data.n : RECORD_SHOWN_MAX);
		buf_byte(b, '\n');
	}
}

static bool is_by_records(const struct tls_note *n)
{
	const struct route *r = n->destination->route;
	return n->source == SOURCE_TLSA || (n->source == SOURCE_SETTING && r != NULL && r->tls == SECURITY_DANE);
}

/* The policy as RFC 8460 4.2 wants it told, and the hosts that it speaks of. */
static void write_policy(const struct tls_note *n, struct buf *text, struct buf *hosts)
{
	const struct mta_sts_policy *p = &n->destination->policy.sts;
	if (n->source == SOURCE_STS && p->mode != MTA_STS_NONE) {
		write_sts(text, p);
		for (size_t i = 0; i < p->patterns_count; i++)
			buf_addf(hosts, "%.*s\n", ARG(p->patterns[i]));
	} else if (n->host != NULL && is_by_records(n)) {
		write_records(text, n->host);
		buf_addf(hosts, "%.*s\n", ARG(n->host->name));
	}
}

static bool is_same(const struct tls_result *a, const struct tls_result *b)
{
	return a->day == b->day && a->source == b->source && a->type == b->type && str_eq(a->domain, b->domain) &&
	       str_eq(a->host, b->host) && str_eq(a->helo, b->helo) && str_eq(a->address, b->address) &&
	       str_eq(a->local, b->local) && str_eq(a->reason, b->reason) && str_eq(a->text, b->text) &&
	       str_eq(a->hosts, b->hosts);
}

static void remember(struct tls_results *all, const struct tls_result *r)
{
	struct tls_result *one = all->count < RESULTS_MAX ? NEW(all->arena, struct tls_result, 1) : NULL;
	if (one != NULL)
		*one = (struct tls_result){ .next = all->first,
			.day = r->day,
			.source = r->source,
			.type = r->type,
			.domain = arena_copy(all->arena, r->domain),
			.text = arena_copy(all->arena, r->text),
			.hosts = arena_copy(all->arena, r->hosts),
			.host = arena_copy(all->arena, r->host),
			.helo = arena_copy(all->arena, r->helo),
			.address = arena_copy(all->arena, r->address),
			.local = arena_copy(all->arena, r->local),
			.reason = arena_copy(all->arena, r->reason),
			.count = 1 };
	if (one == NULL || arena_spent(all->arena)) {
		all->lost++;
		return;
	}
	all->first = one;
	all->count++;
}

/* The lock is held. */
static void count_one(struct tls_results *all, const struct tls_result *r)
{
	for (struct tls_result *one = all->first; one != NULL; one = one->next)
		if (is_same(one, r)) {
			one->count++;
			return;
		}
	remember(all, r);
}

static void note_one(struct sender *s, const struct tls_note *n)
{
	char address_room[ADDRESS_ROOM], local_room[ADDRESS_ROOM], reason_room[REASON_MAX];
	struct arena *a = arena_new("result", 3 * TEXT_ROOM);
	struct buf text = buf_in(a, TEXT_ROOM), hosts = buf_in(a, TEXT_ROOM);
	struct buf address = BUF_ON(address_room), local = BUF_ON(local_room);
	const bool failure = n->type != TLS_RESULT_SUCCESS;
	write_policy(n, &text, &hosts);
	if (failure && n->address != NULL)
		address_write(&address, n->address);
	if (failure && n->local != NULL)
		address_write(&local, n->local);
	const struct tls_result r = { .day = clock_utc_seconds() / DAY_S,
		.source = n->source,
		.domain = n->destination->name,
		.text = buf_str(&text),
		.hosts = buf_str(&hosts),
		.type = n->type,
		.host = failure && n->host != NULL ? n->host->name : S(""),
		.helo = failure ? n->helo : S(""),
		.address = buf_str(&address),
		.local = buf_str(&local),
		.reason = failure ? plain_text(n->reason, reason_room, sizeof reason_room) : S("") };
	pthread_mutex_lock(&s->lock);
	count_one(s->results, &r);
	pthread_mutex_unlock(&s->lock);
	arena_free(&a);
}

/* A session with a domain whose policy cannot be had may fit what else is known, and counts as a failure of that policy beside it:
 * "the failure types are non-exclusive" (RFC 8460 4.3). No mail server has to do with it. */
void results_note(struct sender *s, const struct tls_note *n)
{
	const struct policy *p = &n->destination->policy;
	note_one(s, n);
	if (p->failure == STS_FAILURE_NONE)
		return;
	const struct tls_note failure = { .destination = n->destination,
		.helo = S(""),
		.source = SOURCE_STS,
		.type = sts_failure_type(p->failure),
		.reason = p->reason };
	note_one(s, &failure);
}

/* Whether there are TLSA records is then unknown (RFC 7672 2.2.1). Where the configuration forbids TLS nobody asks. */
void results_note_bogus(struct destination *d, const struct host *h)
{
	const struct route *r = d->route;
	const enum security_setting setting = r != NULL && !r->is_floor ? r->tls : SECURITY_UNSAID;
	const struct tls_note n = { .destination = d,
		.host = h,
		.helo = S(""),
		.source = setting == SECURITY_UNSAID ? SOURCE_TLSA : SOURCE_SETTING,
		.type = TLS_RESULT_DNSSEC_INVALID,
		.reason = h != NULL ? S("the host's addresses are not signed as they should be")
				    : S("the domain's mail servers are not signed as they should be") };
	if (setting == SECURITY_NONE)
		return;
	note_one(d->sender, &n);
	results_due(d->sender);
}

/* ---- telling ---- */

static err send_one(struct sender *s, const struct tls_result *r)
{
	const struct msg_tls_result m = { .day = (uint64_t)r->day,
		.domain = r->domain,
		.policy = str_of(security_source_name(r->source)),
		.text = r->text,
		.hosts = r->hosts,
		.type = r->type,
		.host = r->host,
		.helo = r->helo,
		.address = r->address,
		.local = r->local,
		.reason = r->reason,
		.count = r->count };
	err e = peer_is_open(&s->ledger) ? msg_send_tls_result(&s->ledger.channel, 0, &m) : FAIL(CLOSED);
	if (e.code == ERR_BUSY || e.code == ERR_CLOSED)
		return e;
	if (failed(e))
		s->results->lost += r->count; /* it is none that can be told */
	return OK;
}

static void log_lost(struct sender *s)
{
	if (s->results->lost > 0)
		LOG(&s->service->log, results_lost, F_NUMBER("sessions", s->results->lost));
	s->results->lost = 0;
}

static void on_timer(void *to) { results_send(to); }

void results_send(struct sender *s)
{
	struct tls_results *all = s->results;
	pthread_mutex_lock(&s->lock);
	err e = OK;
	while (all->first != NULL && !failed(e)) {
		e = send_one(s, all->first);
		if (failed(e))
			break;
		all->first = all->first->next;
		all->count--;
	}
	if (all->first == NULL) {
		arena_reset(all->arena);
		log_lost(s);
	}
	pthread_mutex_unlock(&s->lock);
	/* On a new channel they are sent in any case. */
	if (e.code == ERR_BUSY)
		loop_timer_start(s->service->loop, &s->results_timer, SEND_MS, on_timer, s);
}

void results_due(struct sender *s)
{
	pthread_mutex_lock(&s->lock);
	const bool some = s->results->first != NULL || s->results->lost > 0;
	pthread_mutex_unlock(&s->lock);
	if (some && !s->results_timer.running)
		loop_timer_start(s->service->loop, &s->results_timer, SEND_MS, on_timer, s);
}
