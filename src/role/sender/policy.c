/* SPDX-License-Identifier: Apache-2.0 */
/* The MTA-STS policy of a destination, asked of `ledger` while the hosts are asked of the resolver (RFC 8461 5.1). When nobody has
 * answered in time mail goes by what else is known, and the log says so. */
#include "os/clock.h"
#include "role/sender/sender.h"

#include "ipc/sts.h"

#define CONVERSATION "ipc/sender_ledger.def"
#include "ipc/conversation.h"

enum {
	GRACE_MS = 500, /* ledger answers so long before the end, with a kept policy if need be */
	BUSY_MS = 20,
};

static void unlink_question(struct destination *d)
{
	struct destination **at = &d->sender->asking;
	while (*at != d)
		at = &(*at)->policy.next_asking;
	*at = d->policy.next_asking;
	loop_timer_stop(d->sender->service->loop, &d->policy.timer);
}

static void settled(struct destination *d)
{
	unlink_question(d);
	d->policy.state = POLICY_KNOWN;
	destination_hosts_and_policy(d);
	destination_go_on(d);
}

static void log_not_known(struct destination *d, str reason)
{
	LOG(&d->sender->service->log, policy_not_known, F_TEXT("destination", d->name),
		F_TEXT("policy", d->policy.sts.mode != MTA_STS_NONE ? S("kept") : S("none")), F_TEXT("reason", reason));
}

static void without(struct destination *d, str reason)
{
	d->policy.reason = reason;
	log_not_known(d, reason);
	settled(d);
}

static void on_end(void *to) { without(to, S("the policy was not told in time")); }

/* Nobody may switch off a policy by writing to very many domains at once. */
static void on_no_room(void *to)
{
	struct destination *d = to;
	d->policy.unasked = true;
	settled(d);
}

static void wait_for(struct destination *d, int64_t milliseconds, loop_timer_fn *fn)
{
	loop_timer_start(d->sender->service->loop, &d->policy.timer, milliseconds, fn, d);
}

/* Where the channel is full it is asked a little later; where nobody is there, or he has gone without an answer, the next one is
 * asked (policies_attach()). */
static void put_question(void *to)
{
	struct destination *d = to;
	struct sender *s = d->sender;
	const int64_t left = d->policy.end - clock_ms();
	const struct msg_sts_ask m = { .domain = d->name,
		.deadline = left > GRACE_MS ? (uint64_t)(left - GRACE_MS) : 0 };
	err e = peer_is_open(&s->ledger) ? msg_send_sts_ask(&s->ledger.channel, d->policy.tag, &m) : FAIL(CLOSED);
	if (e.code == ERR_BUSY)
		wait_for(d, left > BUSY_MS ? BUSY_MS : left, left > BUSY_MS ? put_question : on_no_room);
	else
		wait_for(d, left, on_end);
}

/* The administrator's word makes the domain's needless. An address has nobody who could say anything. */
static bool wants_policy(const struct destination *d)
{
	return !str_starts(d->name, S("[")) && !route_decides_tls(d->route);
}

void policy_ask(struct destination *d)
{
	struct sender *s = d->sender;
	if (!wants_policy(d)) {
		d->policy.state = POLICY_KNOWN;
		d->policy.reason = S("the configuration decides, or there is no domain that could have one");
		return;
	}
	d->policy.state = POLICY_ASKED;
	d->policy.tag = ++s->last_tag;
	d->policy.next_asking = s->asking;
	s->asking = d;
	d->policy.end = clock_ms() + (int64_t)s->conf->sender.policy_timeout * 1000;
	put_question(d);
}

/* What the message says outlives it in the arena of the destination. */
static err take(struct destination *d, const struct msg_sts_policy *m)
{
	struct policy *p = &d->policy;
	p->id = arena_copy(d->arena, m->id);
	p->reason = arena_copy(d->arena, m->reason);
	p->kept = m->kept;
	p->failure = (enum sts_failure)m->failure;
	if (!m->found)
		return OK;
	TRY(sts_patterns_read(arena_copy(d->arena, m->patterns), d->arena, &p->sts));
	p->sts.mode = (enum mta_sts_mode)m->mode;
	p->sts.max_age = (uint32_t)m->max_age;
	return arena_spent(d->arena) ? FAIL(MEMORY) : OK;
}

static err on_sts_policy(struct sender *s, const struct msg_sts_policy *m, uint32_t tag)
{
	struct destination *d = s->asking;
	while (d != NULL && d->policy.tag != tag)
		d = d->policy.next_asking;
	if (d == NULL)
		return OK; /* it came too late */
	err e = take(d, m);
	if (failed(e))
		d->policy.sts = (struct mta_sts_policy){ .mode = MTA_STS_NONE };
	if (failed(e) || m->kept)
		log_not_known(d, failed(e) ? str_of(err_text(e)) : m->reason);
	settled(d);
	return e.code == ERR_SYNTAX ? e : OK;
}

#define CONVERSATION "ipc/sender_ledger.def"
#define HEAR ledger_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static const struct peer_kind ledger_kind = { .name = "ledger", .hear = ledger_hear };

/* A new one knows nothing of what its predecessor was asked. */
void policies_attach(struct sender *s, int fd)
{
	IGNORE(peer_open(&s->ledger, fd)); /* where it fails the supervisor brings another */
	for (struct destination *d = s->asking; d != NULL; d = d->policy.next_asking)
		put_question(d);
	results_send(s);
}

void policies_init(struct sender *s) { peer_init(&s->ledger, s->service, &ledger_kind, s); }

/* ---- what it says of a host ---- */

bool policy_names(const struct destination *d, const struct host *h)
{
	return mta_sts_matches(&d->policy.sts, h->name);
}

enum sts_mode policy_mode(const struct destination *d)
{
	switch (d->policy.sts.mode) {
	case MTA_STS_ENFORCE:
		return STS_ENFORCE;
	case MTA_STS_TESTING:
		return STS_TESTING;
	case MTA_STS_NONE:
	default:
		return STS_NONE;
	}
}

void policy_broken(const struct log *log, struct destination *d, const struct host *h, const char *reason)
{
	LOG(log, policy_broken, F_TEXT("destination", d->name), F_TEXT("host", h->name),
		F_TEXT("mode", str_of(mta_sts_mode_name(d->policy.sts.mode))), F_TEXT("reason", str_of(reason)));
	pthread_mutex_lock(&d->sender->lock);
	d->policy.broken = true;
	pthread_mutex_unlock(&d->sender->lock);
}
