/* SPDX-License-Identifier: Apache-2.0 */
#include "role/fetcher/role.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>

#include "base/hash.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/random.h"
#include "role/fetcher/fetcher.h"

#define CONVERSATION "ipc/ledger_fetcher.def"
#include "ipc/conversation.h"

enum {
	STACK = 256 << 10,
	LINGER_MS = 10000,
	TASK_BUDGET = 1 << 20,
	AUTHORITIES_MAX = 4 << 20,
	OVERHEAD = 64 << 10,
	AGAIN_MS = 5 * 60 * 1000, /* RFC 8461 3.3 */
	PATTERNS_ROOM = 30000,
	ROOM_MS = 20,
};

static const char authorities_file[] = "/etc/ssl/certs/ca-certificates.crt";

/* One question of ledger's. */
struct task {
	struct task *next;
	struct sts_task sts;
	uint32_t tag;
	unsigned ledger; /* fetcher.ledgers when it came */
};

static struct fetcher fetcher;

/* ---- what was tried in vain ---- */

static uint64_t key_of(struct fetcher *f, str domain, str id)
{
	char room[DNS_NAME_MAX + MTA_STS_ID_MAX + 2];
	struct buf b = BUF_ON(room);
	buf_add(&b, domain);
	buf_byte(&b, ' ');
	buf_add(&b, id);
	return hash_of(&f->key, buf_str(&b));
}

bool failed_lately(struct fetcher *f, str domain, str id, enum sts_failure *why)
{
	uint64_t key = key_of(f, domain, id);
	pthread_mutex_lock(&f->lock);
	struct failure last = f->failures[key % FAILURES];
	pthread_mutex_unlock(&f->lock);
	if (last.key != key || last.at == 0 || clock_ms() - last.at >= AGAIN_MS)
		return false;
	*why = last.kind;
	return true;
}

void note_failure(struct fetcher *f, str domain, str id, enum sts_failure why)
{
	uint64_t key = key_of(f, domain, id);
	pthread_mutex_lock(&f->lock);
	f->failures[key % FAILURES] = (struct failure){ key, clock_ms(), why };
	pthread_mutex_unlock(&f->lock);
}

/* ---- tasks ---- */

static void task_free(struct task *t)
{
	struct arena *a = t->sts.arena;
	arena_free(&a);
}

/* Another ledger may have given the same tag to another domain's question. ERR_BUSY: there is no room for it at the moment. */
static err tell_ledger(struct fetcher *f, const struct task *t, const struct msg_sts_fetched *m, struct frame *out)
{
	pthread_mutex_lock(&f->lock);
	struct channel c = channel_of(f->ledger.channel.fd, NULL, out);
	err e = t->ledger == f->ledgers ? msg_send_sts_fetched(&c, t->tag, m) : FAIL(CLOSED);
	pthread_mutex_unlock(&f->lock);
	return e;
}

/* A policy that is not told is one that does not hold: it waits for room as long as somebody waits for it. */
static void task_answer(struct fetcher *f, const struct task *t, struct frame *out)
{
	const struct sts_task *s = &t->sts;
	struct buf patterns = buf_in(s->arena, PATTERNS_ROOM);
	sts_patterns_write(&patterns, &s->policy);
	const struct msg_sts_fetched m = { .outcome = s->outcome,
		.id = s->id,
		.mode = s->policy.mode,
		.max_age = s->policy.max_age,
		.patterns = buf_str(&patterns),
		.reason = s->reason,
		.failure = s->failure };
	while (tell_ledger(f, t, &m, out).code == ERR_BUSY && clock_ms() < s->deadline)
		poll(NULL, 0, ROOM_MS);
}

/* The next one that waits, or none: then this thread is done. */
static struct task *next_task(struct fetcher *f)
{
	pthread_mutex_lock(&f->lock);
	struct task *t = f->waiting;
	if (t != NULL) {
		f->waiting = t->next;
		if (f->waiting == NULL)
			f->waiting_end = &f->waiting;
		f->waiting_count--;
	} else
		f->running--;
	pthread_mutex_unlock(&f->lock);
	return t;
}

static void work(void *to)
{
	struct fetcher *f = to;
	struct desk *desk = desk_take();
	struct dns_client dns = dns_client_of(f->resolver, desk);
	for (struct task *t; (t = next_task(f)) != NULL; task_free(t)) {
		t->sts.dns = &dns;
		sts_run(&t->sts);
		task_answer(f, t, &desk->out);
	}
	dns_client_close(&dns);
	desk_give(&desk);
}

static void enqueue(struct fetcher *f, struct task *t)
{
	pthread_mutex_lock(&f->lock);
	*f->waiting_end = t;
	f->waiting_end = &t->next;
	f->waiting_count++;
	bool begins = f->running < FETCHES_MAX;
	f->running += begins;
	pthread_mutex_unlock(&f->lock);
	if (begins && failed(crew_run(f->crew, work, f))) {
		pthread_mutex_lock(&f->lock);
		f->running--; /* it waits for one of the others; or, if there is none, until its asker gives up */
		pthread_mutex_unlock(&f->lock);
	}
}

static err on_sts_fetch(struct fetcher *f, const struct msg_sts_fetch *m, uint32_t tag)
{
	struct arena *a = arena_new("fetch", TASK_BUDGET);
	struct task *t = NEW(a, struct task, 1);
	pthread_mutex_lock(&f->lock);
	bool full = f->waiting_count >= WAITING_MAX;
	pthread_mutex_unlock(&f->lock);
	if (full || t == NULL) {
		const struct msg_sts_fetched busy = { .outcome = STS_UNKNOWN,
			.id = S(""),
			.patterns = S(""),
			.reason = S("too much is fetched at once") };
		arena_free(&a);
		/* Without room for it ledger's own deadline ends the question. */
		IGNORE(msg_send_sts_fetched(&f->ledger.channel, tag, &busy));
		return OK;
	}
	t->tag = tag;
	t->ledger = f->ledgers;
	t->sts = (struct sts_task){ .fetcher = f,
		.arena = a,
		.domain = arena_copy(a, m->domain),
		.known = arena_copy(a, m->known),
		.deadline = clock_ms() + (int64_t)m->deadline };
	enqueue(f, t);
	return OK;
}

#define CONVERSATION "ipc/ledger_fetcher.def"
#define HEAR ledger_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static const struct peer_kind ledger_kind = { .name = "ledger", .hear = ledger_hear };

/* ---- the role ---- */

/* The authorities of the system, read before the confinement. Without that file only sender.ca_extra is believed. */
static struct tls_client *read_authorities(void)
{
	struct tls_client *client = NULL;
	struct arena *a = arena_new("authorities", AUTHORITIES_MAX + OVERHEAD);
	str text = NO_STR;
	int fd = open(authorities_file, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && failed(fd_read_file(fd, AUTHORITIES_MAX, a, &text)))
		text = NO_STR;
	fd_close(&fd);
	if (failed(tls_client_new(text, TLS_1_2, &client)) && failed(tls_client_new(NO_STR, TLS_1_2, &client)))
		abort(); /* no memory */
	arena_free(&a);
	return client;
}

static void prepare(struct service *s)
{
	fetcher = (struct fetcher){ .service = s, .waiting_end = &fetcher.waiting };
	pthread_mutex_init(&fetcher.lock, NULL);
	tls_prepare();
	fetcher.trust = read_authorities();
	fetcher.resolver = session_opener_new();
	fetcher.crew = crew_new(STACK, LINGER_MS);
	random_bytes(&fetcher.key, sizeof fetcher.key);
	peer_init(&fetcher.ledger, s, &ledger_kind, &fetcher);
	fetcher.ledger.lock = &fetcher.lock;
	s->state = &fetcher;
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct fetcher *f = s->state;
	(void)account;
	(void)pid;
	if (str_eq(peer, S("ledger"))) {
		pthread_mutex_lock(&f->lock);
		f->ledgers++;
		pthread_mutex_unlock(&f->lock);
		IGNORE(peer_open(&f->ledger, fd)); /* or it finds its end closed */
	} else if (str_eq(peer, S("resolver")))
		session_opener_connect(f->resolver, fd);
	else
		fd_close(&fd);
}

static void file(struct service *s, str name, int fd)
{
	struct fetcher *f = s->state;
	struct arena *a = arena_new("file", AUTHORITIES_MAX + OVERHEAD);
	str text;
	if (str_eq(name, S("authorities")) &&
		(failed(fd_read_file(fd, AUTHORITIES_MAX, a, &text)) || failed(tls_client_trust(f->trust, text))))
		LOG(&s->log, alarm, F_TEXT("reason", S("sender.ca_extra holds no certificate that can be read")));
	fd_close(&fd);
	arena_free(&a);
}

static err start(struct service *s)
{
	(void)s;
	return OK;
}

const struct role role_fetcher = {
	.name = "fetcher", .prepare = prepare, .channel = channel, .file = file, .start = start
};
