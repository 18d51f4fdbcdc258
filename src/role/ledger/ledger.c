/* SPDX-License-Identifier: Apache-2.0 */
/* A question for a policy goes to `fetcher`, with the id of the one that is kept where that is still good as it is. The domain's
 * own word counts; where it cannot be had, the kept policy does until its time is over (RFC 8461 5.1): who holds back DNS
 * or HTTPS must not be able to switch it off (RFC 8461 10.2). */
#include "store/ledger/ledger.h"

#include "ipc/admin.h"
#include "ipc/held.h"
#include "ipc/peer.h"
#include "ipc/sts.h"
#include "os/clock.h"
#include "os/fd.h"
#include "role/ledger/results.h"
#include "role/ledger/role.h"

#define CONVERSATION "ipc/sender_ledger.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/ledger_fetcher.def"
#include "ipc/conversation.h"

enum {
	QUESTIONS_MAX = 4096, /* as many destinations as sender may be at; with as many open it is not heard */
	LEDGER_BUDGET = 4 << 20,
	DOMAIN_MAX = 253,
	DAY_SECONDS = 86400,
	REFRESH_SECONDS =
		86400, /* a policy is fetched again at this age, or at half its own, even if its id is the same */
	ADMIN_MS = 30000,
	GRACE_MS = 200, /* by which fetcher's answer comes before our own deadline */
};

struct ledger_role;

struct question {
	struct ledger_role *role;
	struct question *next; /* of the unused ones */
	bool open;
	struct admin *admin; /* a person who asks; NULL: sender */
	uint32_t tag;        /* sender's; ours is the number of the place, and how often it was used */
	uint16_t use;
	char domain[DOMAIN_MAX];
	size_t domain_n;
	int64_t end; /* clock_ms(): it is answered by then */
	struct loop_timer deadline;
	bool unasked;     /* fetcher's channel has no room for it yet */
	struct held held; /* the answer, while there is no room for it */
};

struct ledger_role {
	struct service *service;
	struct arena *arena;
	struct ledger *store; /* NULL: it cannot be used; then nothing is kept */
	struct peer sender, fetcher;
	struct question *questions, *unused;
	size_t used; /* of the questions, those that ever were */
	struct admin_door *door;
};

static struct ledger_role ledger;

/* ---- the store ---- */

static void store_failed(struct ledger_role *r, err e)
{
	LOG(&r->service->log, store_failed, F_TEXT("store", S("ledger")), F_ERR(e));
}

/* What is kept for a domain and holds now. */
static bool find(struct ledger_role *r, str domain, struct ledger_policy *out)
{
	err e = r->store != NULL ? ledger_policy_find(r->store, domain, out) : FAIL(ABSENT);
	if (failed(e) && e.code != ERR_ABSENT)
		store_failed(r, e);
	int64_t age = failed(e) ? 0 : clock_utc_seconds() - out->fetched;
	/* One from the future was fetched before the clock was set back: it counts as new. */
	return !failed(e) && age <= (int64_t)out->max_age && out->mode <= MTA_STS_ENFORCE;
}

static bool is_fresh(const struct ledger_policy *p)
{
	int64_t age = clock_utc_seconds() - p->fetched, half = (int64_t)p->max_age / 2;
	return age >= 0 && age < (half < REFRESH_SECONDS ? half : REFRESH_SECONDS);
}

static void keep(struct ledger_role *r, str domain, const struct msg_sts_fetched *m)
{
	const struct ledger_policy p = { .domain = domain,
		.id = m->id,
		.patterns = m->patterns,
		.mode = m->mode,
		.max_age = m->max_age,
		.fetched = clock_utc_seconds() };
	err e = r->store != NULL ? ledger_policy_keep(r->store, &p, p.fetched) : OK;
	if (failed(e))
		store_failed(r, e);
}

/* ---- questions ---- */

static str domain_of(const struct question *q) { return str_from(q->domain, q->domain_n); }

static void forget(struct question *q)
{
	struct ledger_role *r = q->role;
	loop_timer_stop(r->service->loop, &q->deadline);
	held_forget(&q->held);
	q->open = false;
	q->next = r->unused;
	r->unused = q;
	peer_hold_off(&r->sender, false);
}

/* Without its answer mail would go as if its domain had no policy: so it stays open until there is room for that. */
static void tell_sender(struct question *q, const struct msg_sts_policy *m)
{
	struct peer *sender = &q->role->sender;
	if (msg_send_sts_policy(&sender->channel, q->tag, m).code != ERR_BUSY) {
		forget(q);
		return;
	}
	loop_timer_stop(q->role->service->loop, &q->deadline);
	q->unasked = false;
	held_keep(&q->held, sender->channel.out);
	peer_await_room(sender);
}

static void on_sender_room(void *to)
{
	struct ledger_role *r = to;
	for (size_t i = 0; i < r->used && !r->sender.awaits_room; i++) {
		struct question *q = &r->questions[i];
		if (!held_is(&q->held))
			continue;
		if (held_send(&q->held, &r->sender.channel).code == ERR_BUSY)
			peer_await_room(&r->sender);
		else
			forget(q);
	}
}

static void show(struct admin *a, str domain, const struct msg_sts_policy *m)
{
	static char room[32000];
	struct buf b = BUF_ON(room);
	str patterns = m->patterns, pattern;
	struct json j = json_begin(&b);
	json_text(&j, "domain", domain);
	json_flag(&j, "found", m->found);
	json_flag(&j, "kept", m->kept && m->found);
	json_text(&j, "mode", str_of(mta_sts_mode_name((enum mta_sts_mode)m->mode)));
	json_text(&j, "id", m->id);
	json_number(&j, "max_age", m->max_age);
	json_list_begin(&j, "mx");
	while (str_word(&patterns, '\n', &pattern))
		json_list_item(&j, pattern);
	json_list_end(&j);
	json_text(&j, "reason", m->reason);
	json_text(&j, "result", str_of(tls_result_name(sts_failure_type((enum sts_failure)m->failure))));
	json_end(&j);
	IGNORE(admin_line(a, buf_str(&b)));
	admin_done(a);
}

static void answer(struct question *q, const struct msg_sts_policy *m)
{
	struct admin *a = q->admin;
	if (a == NULL) {
		tell_sender(q, m);
		return;
	}
	forget(q);
	show(a, domain_of(q), m);
}

/* What is kept, for want of better; the strings are the store's. */
static struct msg_sts_policy kept_policy(struct ledger_role *r, str domain, bool kept, str reason)
{
	struct ledger_policy p;
	if (!find(r, domain, &p))
		return (struct msg_sts_policy){ .kept = kept, .reason = reason, .id = S(""), .patterns = S("") };
	return (struct msg_sts_policy){ .found = true,
		.kept = kept,
		.mode = p.mode,
		.id = p.id,
		.max_age = p.max_age,
		.patterns = p.patterns,
		.reason = reason };
}

static void answer_kept(struct question *q, bool kept, str reason)
{
	const struct msg_sts_policy m = kept_policy(q->role, domain_of(q), kept, reason);
	answer(q, &m);
}

/* Where the DNS does not even say whether there is one, a failure is a policy's only if one is kept. */
static void answer_failed(struct question *q, const struct msg_sts_fetched *fetched)
{
	struct msg_sts_policy m = kept_policy(q->role, domain_of(q), true, fetched->reason);
	if (fetched->outcome == STS_FAILED || m.found)
		m.failure = fetched->failure;
	answer(q, &m);
}

/* The domain has no policy (any more): a kept one holds until its time is over. */
static void answer_absent(struct question *q, str reason)
{
	struct msg_sts_policy m = kept_policy(q->role, domain_of(q), true, reason);
	m.kept = m.found;
	answer(q, &m);
}

static void on_deadline(void *to) { answer_kept(to, true, S("no answer in time")); }

static uint32_t our_tag(const struct question *q)
{
	return (uint32_t)q->use << 16 | (uint32_t)(q - q->role->questions);
}

/* NULL: no place is free. */
static struct question *take(struct ledger_role *r, str domain)
{
	struct question *q = r->unused;
	if (q != NULL)
		r->unused = q->next;
	else if (r->used < QUESTIONS_MAX)
		q = &r->questions[r->used++];
	else
		return NULL;
	*q = (struct question){ .role = r, .open = true, .use = (uint16_t)(q->use + 1), .domain_n = domain.n };
	if (domain.n > 0)
		memcpy(q->domain, domain.p, domain.n);
	if (r->unused == NULL && r->used == QUESTIONS_MAX)
		peer_hold_off(&r->sender, true);
	return q;
}

static void ask_fetcher(struct question *q)
{
	struct ledger_role *r = q->role;
	struct ledger_policy p;
	const bool known = find(r, domain_of(q), &p) && is_fresh(&p);
	const int64_t left = q->end - clock_ms() - GRACE_MS;
	const struct msg_sts_fetch ask = {
		.domain = domain_of(q), .known = known ? p.id : S(""), .deadline = left > 0 ? (uint64_t)left : 0
	};
	err e = msg_send_sts_fetch(&r->fetcher.channel, our_tag(q), &ask);
	q->unasked = e.code == ERR_BUSY;
	if (q->unasked)
		peer_await_room(&r->fetcher);
	else if (failed(e))
		answer_kept(q, true, S("nobody can fetch a policy at the moment"));
}

static void on_fetcher_room(void *to)
{
	struct ledger_role *r = to;
	for (size_t i = 0; i < r->used && !r->fetcher.awaits_room; i++)
		if (r->questions[i].open && r->questions[i].unasked)
			ask_fetcher(&r->questions[i]);
}

static void begin(struct question *q, uint64_t deadline)
{
	q->end = clock_ms() + (int64_t)deadline;
	loop_timer_start(q->role->service->loop, &q->deadline, (int64_t)deadline, on_deadline, q);
	ask_fetcher(q);
}

static err on_sts_ask(struct ledger_role *r, const struct msg_sts_ask *m, uint32_t tag)
{
	struct question *q = take(r, m->domain);
	if (q == NULL)
		return OK; /* who is heard without a free place has gone */
	q->tag = tag;
	begin(q, m->deadline);
	return OK;
}

static void admin_gone(struct admin *a)
{
	forget(a->state);
	admin_refuse(a, "the caller has gone");
}

/* What sender would be told. */
static void verb_verify(struct admin *a)
{
	static const char *const known[] = { "domain", NULL };
	str domain = admin_word(a, S("domain"));
	if (admin_refused_words(a, known))
		return;
	struct question *q = domain.n > 0 && domain.n <= DOMAIN_MAX ? take(a->role, domain) : NULL;
	if (q == NULL) {
		admin_refuse(a, "this is no name of a domain, or too much is asked at once");
		return;
	}
	for (size_t i = 0; i < q->domain_n; i++)
		q->domain[i] = ascii_lower(q->domain[i]);
	q->admin = a;
	a->state = q;
	a->gone = admin_gone;
	begin(q, ADMIN_MS);
}

/* ---- how TLS went ---- */

static err on_tls_result(struct ledger_role *r, const struct msg_tls_result *m, uint32_t tag)
{
	(void)tag;
	const struct ledger_result result = { .day = (int64_t)m->day,
		.domain = m->domain,
		.kind = m->policy,
		.text = m->text,
		.hosts = m->hosts,
		.type = str_of(tls_result_name((enum tls_result_type)m->type)),
		.host = m->host,
		.helo = m->helo,
		.address = m->address,
		.local = m->local,
		.reason = m->reason,
		.count = m->count };
	err e = r->store != NULL ? ledger_result_add(r->store, &result, clock_utc_seconds() / DAY_SECONDS) : OK;
	if (failed(e))
		store_failed(r, e);
	return OK;
}

static void verb_results(struct admin *a)
{
	const struct ledger_role *r = a->role;
	results_show(a, r->store);
}

static const struct admin_verb verbs[] = {
	{ "verify mta-sts", verb_verify },
	{ "route results", verb_results },
	{ NULL, NULL },
};

static err on_sts_fetched(struct ledger_role *r, const struct msg_sts_fetched *m, uint32_t tag)
{
	struct question *q = (tag & 0xffff) < r->used ? &r->questions[tag & 0xffff] : NULL;
	if (q == NULL || !q->open || held_is(&q->held) || our_tag(q) != tag)
		return OK; /* it was answered without */
	switch ((enum sts_outcome)m->outcome) {
	case STS_FETCHED:
		keep(r, domain_of(q), m);
		answer(q, &(const struct msg_sts_policy){ .found = true,
				  .mode = m->mode,
				  .id = m->id,
				  .max_age = m->max_age,
				  .patterns = m->patterns,
				  .reason = S("") });
		break;
	case STS_SAME:
		answer_kept(q, false, S(""));
		break;
	case STS_ABSENT:
		answer_absent(q, m->reason);
		break;
	case STS_FAILED:
	case STS_UNKNOWN:
		answer_failed(q, m);
		break;
	}
	return OK;
}

#define CONVERSATION "ipc/sender_ledger.def"
#define HEAR sender_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

#define CONVERSATION "ipc/ledger_fetcher.def"
#define HEAR fetcher_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

/* Its answers will not be read; a new one asks again. */
static void sender_gone(void *to)
{
	struct ledger_role *r = to;
	for (size_t i = 0; i < r->used; i++)
		if (r->questions[i].open && r->questions[i].admin == NULL)
			forget(&r->questions[i]);
}

/* Its answers will not come. */
static void fetcher_gone(void *to)
{
	struct ledger_role *r = to;
	for (size_t i = 0; i < r->used; i++)
		if (r->questions[i].open && !held_is(&r->questions[i].held))
			answer_kept(&r->questions[i], true, S("the policy could not be fetched"));
}

static const struct peer_kind sender_kind = {
	.name = "sender", .hear = sender_hear, .gone = sender_gone, .room = on_sender_room
};
static const struct peer_kind fetcher_kind = {
	.name = "fetcher", .hear = fetcher_hear, .gone = fetcher_gone, .room = on_fetcher_room
};

/* ---- the role ---- */

static void prepare(struct service *s)
{
	struct arena *a = arena_new("ledger role", LEDGER_BUDGET);
	ledger = (struct ledger_role){ .service = s, .arena = a, .questions = NEW(a, struct question, QUESTIONS_MAX) };
	ledger.door = admin_door_new(s, verbs, &ledger);
	peer_init(&ledger.sender, s, &sender_kind, &ledger);
	peer_init(&ledger.fetcher, s, &fetcher_kind, &ledger);
	s->state = &ledger;
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct ledger_role *r = s->state;
	(void)account;
	(void)pid;
	if (str_eq(peer, S("control"))) {
		admin_door_connect(r->door, fd);
		return;
	}
	struct peer *p = str_eq(peer, S("sender")) ? &r->sender : str_eq(peer, S("fetcher")) ? &r->fetcher : NULL;
	if (p == NULL) {
		fd_close(&fd);
		return;
	}
	p->kind->gone(r);         /* answers of the old peer, or for it, are void */
	IGNORE(peer_open(p, fd)); /* or it finds its end closed */
}

/* Without its store it serves on: policies are then fetched each time. */
static err start(struct service *s)
{
	struct ledger_role *r = s->state;
	char room[300];
	struct buf message = BUF_ON(room);
	err e = ledger_open(&message, &r->store);
	if (failed(e))
		LOG(&s->log, store_failed, F_TEXT("store", S("ledger")), F_TEXT("reason", buf_str(&message)), F_ERR(e));
	return OK;
}

static void stop(struct service *s)
{
	struct ledger_role *r = s->state;
	peer_close(&r->sender);
	peer_close(&r->fetcher);
	ledger_close(&r->store);
	struct arena *a = r->arena;
	arena_free(&a);
}

const struct role role_ledger = {
	.name = "ledger", .prepare = prepare, .channel = channel, .start = start, .stop = stop
};
