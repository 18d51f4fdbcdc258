/* SPDX-License-Identifier: Apache-2.0 */
/* A destination finds out once for all of its mail where its servers are; connections then go through the hosts on their
 * own. The lists of waiting jobs and of connections are shared with the sessions' threads, under sender.lock. */
#include <stdio.h>

#include "os/clock.h"
#include "os/random.h"
#include "base/hash.h"
#include "role/sender/sender.h"

enum { DESTINATION_BUDGET = 256 << 10, FRESH_MS = 300000, REST_MS = 30000, KEPT = 4096 };

static struct hash_key hash_key;

void destinations_init(struct sender *s)
{
	random_bytes(&hash_key, sizeof hash_key);
	s->key = &hash_key;
}

static struct destination **bucket_of(struct sender *s, str name)
{
	return &s->destinations[hash_of(s->key, name) % SENDER_BUCKETS];
}

static struct destination *make(struct sender *s, str name, enum security_wish wish, bool asks)
{
	struct arena *a = arena_new("destination", DESTINATION_BUDGET);
	struct destination *d = NEW(a, struct destination, 1);
	struct destination **bucket = bucket_of(s, name);
	*d = (struct destination){ .next_bucket = *bucket,
		.sender = s,
		.arena = a,
		.name = arena_copy(a, name),
		.wish = wish,
		.asks = asks,
		.route = route_find(s, name),
		.progress = DESTINATION_ASKING };
	*bucket = d;
	s->destinations_count++;
	return d;
}

static bool has_open_questions(const struct destination *d)
{
	if ((d->progress == DESTINATION_ASKING && d->known_since != 0) || d->policy.state == POLICY_ASKED)
		return true;
	for (size_t i = 0; i < d->hosts_count; i++)
		if (d->hosts[i].state == HOST_ASKED)
			return true;
	return false;
}

static bool is_in_use(const struct destination *d)
{
	return d->first != NULL || d->connections != NULL || d->watchers > 0 || has_open_questions(d);
}

static void detach(struct destination *d)
{
	struct destination **at = bucket_of(d->sender, d->name);
	while (*at != d)
		at = &(*at)->next_bucket;
	*at = d->next_bucket;
	d->detached = true;
}

static void forget(void *to)
{
	struct destination *d = to;
	if (is_in_use(d))
		return;
	if (!d->detached)
		detach(d);
	d->sender->destinations_count--;
	struct arena *a = d->arena;
	arena_free(&a);
}

/* What it knows is kept for a while; not where mail for very many of them comes and goes at once, since each takes some KiB. */
void destination_rest(struct destination *d)
{
	const int64_t rest = d->sender->destinations_count > KEPT ? 0 : REST_MS;
	if (!is_in_use(d))
		loop_timer_start(d->sender->service->loop, &d->timer, rest, forget, d);
}

/* What was looked up long ago, and what could not be looked up, is asked for anew: the resolver remembers what it may. So is a
 * policy that did not fit: it may be another one by now (RFC 8461 5.1). */
static bool is_stale(const struct destination *d)
{
	pthread_mutex_lock(&d->sender->lock);
	const bool broken = d->policy.broken;
	pthread_mutex_unlock(&d->sender->lock);
	return !has_open_questions(d) && (d->progress == DESTINATION_LOST || broken ||
						 (d->known_since != 0 && clock_ms() - d->known_since > FRESH_MS));
}

/* The connections of a stale one go on with what it knew; new mail gets a new one. */
struct destination *destination_find(struct sender *s, str name, enum security_wish wish, bool asks)
{
	for (struct destination *d = *bucket_of(s, name); d != NULL; d = d->next_bucket) {
		if (d->wish != wish || d->asks != asks || !str_eq(d->name, name))
			continue;
		if (!is_stale(d))
			return d;
		detach(d);
		destination_rest(d);
		break;
	}
	return make(s, name, wish, asks);
}

void destination_begin(struct destination *d)
{
	loop_timer_stop(d->sender->service->loop, &d->timer);
	if (d->known_since != 0)
		return;
	d->known_since = clock_ms();
	policy_ask(d);
	lookup_hosts(d);
}

void destination_hosts_and_policy(struct destination *d)
{
	if (d->progress != DESTINATION_ASKING || !d->hosts_known || d->policy.state != POLICY_KNOWN)
		return;
	d->progress = d->policy.unasked ? DESTINATION_LOST : DESTINATION_KNOWN;
	d->known_since = clock_ms();
	if (d->policy.unasked)
		failure_set(&d->failure, CAUSE_local, false, "4.3.2",
			"too many domains' policies are being asked for at once");
}

/* ---- jobs ---- */

static enum security_wish wish_of(const struct job *j)
{
	/* RFC 8689 5: a notice is not held back for it. */
	if (j->requires_tls)
		return j->from.n > 0 ? WISH_REQUIRE : WISH_NOTHING;
	/* What is ours has reached its domain, whose policy the header speaks of (RFC 8689 3). The way inward is the administrator's. */
	return j->tls_optional && !j->inner ? WISH_DELIVER : WISH_NOTHING;
}

/* What one writes to another goes before mail for many. */
static void append(struct destination *d, struct job *j)
{
	struct job **at = &d->first;
	if (d->last != NULL && (j->bulk || !d->last->bulk))
		at = &d->last->next;
	while (*at != NULL && (j->bulk || !(*at)->bulk))
		at = &(*at)->next;
	j->next = *at;
	*at = j;
	if (j->next == NULL)
		d->last = j;
	d->waiting++;
}

/* A session that waits for mail takes it at once. NULL: there is none, or no mail. sender.lock is held. */
static struct connection *give_to_idle(struct destination *d)
{
	struct connection *c = d->idle;
	struct job *j = d->first;
	if (c == NULL || j == NULL)
		return NULL;
	d->idle = c->next_idle;
	d->first = j->next;
	if (d->first == NULL)
		d->last = NULL;
	d->waiting--;
	j->state = JOB_UNDERWAY;
	c->given = j;
	return c;
}

/* Questions wait for one another; whoever carries mail waits for none of them. */
static bool may_dial(const struct destination *d)
{
	const struct sender *s = d->sender;
	return d->asks ? d->connections_count < s->conf->edge.connections
		       : s->connections < s->conf->sender.connections;
}

/* As many connections are under way as there is mail that waits. */
void destination_work(struct destination *d)
{
	struct sender *s = d->sender;
	bool more = d->progress == DESTINATION_KNOWN;
	while (more) {
		pthread_mutex_lock(&s->lock);
		struct connection *c = give_to_idle(d);
		const bool dials = c == NULL && d->waiting > d->dialling && may_dial(d);
		pthread_mutex_unlock(&s->lock);
		/* Behind the lock, which it takes first of all. It is freed by this thread alone. */
		if (c != NULL)
			pthread_cond_signal(&c->wake);
		more = c != NULL || (dials && dial(d));
	}
}

static void answer_waiting(struct destination *d, const struct failure *f)
{
	struct sender *s = d->sender;
	pthread_mutex_lock(&s->lock);
	struct job *j = d->first;
	d->first = d->last = NULL;
	d->waiting = 0;
	pthread_mutex_unlock(&s->lock);
	for (struct job *next; j != NULL; j = next) {
		next = j->next;
		job_answer_rest(j, f);
		job_end(j);
	}
}

/* That a server is not as safe as one message demands says nothing about the domain, whose other mail goes on: otherwise
 * anybody who may send could stop it for all. */
static bool is_only_for_these(const struct destination *d, const struct failure *f)
{
	return d->wish == WISH_REQUIRE && f->final && (f->cause == CAUSE_tls || f->cause == CAUSE_capability);
}

static void say_trouble(const struct destination *d, enum destination_state state, const struct failure *f)
{
	if (!d->asks && !is_only_for_these(d, f))
		jobs_say_destination(d->sender, d->name, state, f);
}

static void lose(struct destination *d, const struct failure *f)
{
	d->failure = *f;
	d->reachable = false;
	say_trouble(d, f->cause == CAUSE_busy ? DESTINATION_BUSY : DESTINATION_UNREACHABLE, f);
	answer_waiting(d, f);
}

void destination_take(struct sender *s, struct job *j)
{
	struct destination *d = destination_find(s, j->destination, wish_of(j), j->callout != NULL);
	j->at = d;
	pthread_mutex_lock(&s->lock);
	append(d, j);
	pthread_mutex_unlock(&s->lock);
	if (d->known_since == 0)
		destination_begin(d);
	else
		destination_work(d);
}

/* A connection that has not been greeted and that no mail waits for any more. */
static struct connection *superfluous(const struct destination *d)
{
	if (d->waiting >= d->dialling)
		return NULL;
	for (struct connection *c = d->connections; c != NULL; c = c->next)
		if (c->state == CONNECTION_DIALLING || c->state == CONNECTION_CONNECTED)
			return c;
	return NULL;
}

static bool take_out(struct destination *d, struct job *j)
{
	struct job **at = &d->first, *before = NULL;
	for (; *at != NULL && *at != j; at = &(*at)->next)
		before = *at;
	if (*at == NULL)
		return false;
	*at = j->next;
	if (d->last == j)
		d->last = before;
	d->waiting--;
	return true;
}

bool destination_withdraw(struct job *j)
{
	struct destination *d = j->at;
	struct sender *s = d->sender;
	if (j->state != JOB_WAITING)
		return false;
	for (const struct connection *c = d->connections; c != NULL; c = c->next)
		if (c->state == CONNECTION_SESSION)
			return false;
	pthread_mutex_lock(&s->lock);
	bool waits = take_out(d, j);
	struct connection *c = waits ? superfluous(d) : NULL;
	pthread_mutex_unlock(&s->lock);
	if (c != NULL)
		connection_free(c);
	if (waits)
		destination_rest(d);
	return waits;
}

void destination_go_on(struct destination *d)
{
	probes_go_on(d);
	if (d->progress == DESTINATION_LOST)
		lose(d, &d->failure);
	if (d->progress != DESTINATION_KNOWN) {
		destination_rest(d);
		return;
	}
	/* Connections that wait for the addresses of their host go on; each may go, or end. */
	struct connection *waiting[64];
	size_t count = 0;
	for (struct connection *c = d->connections; c != NULL && count < sizeof waiting / sizeof *waiting; c = c->next)
		if (c->state == CONNECTION_DIALLING && c->host < d->hosts_count &&
			d->hosts[c->host].state != HOST_ASKED && !c->timer.running)
			waiting[count++] = c;
	for (size_t i = 0; i < count; i++)
		dial_next(waiting[i]);
	destination_work(d);
	destination_rest(d);
}

void destination_give_up(struct destination *d, const struct failure *f)
{
	pthread_mutex_lock(&d->sender->lock);
	const bool others = d->connections_count > d->dialling, alone = d->dialling == 0;
	pthread_mutex_unlock(&d->sender->lock);
	/* While other connections carry mail the destination is there, and only does not want so many of them. */
	if (others) {
		say_trouble(d, DESTINATION_BUSY, f);
		return;
	}
	if (alone)
		lose(d, f);
	destination_rest(d);
}

void destination_worked(struct destination *d)
{
	if (!d->reachable)
		jobs_say_destination(d->sender, d->name, DESTINATION_REACHABLE, NULL);
	d->reachable = true;
}

struct security destination_security(const struct destination *d, const struct host *h)
{
	const struct security_facts facts = { .setting = d->route != NULL ? d->route->tls : SECURITY_UNSAID,
		.is_floor = d->route != NULL && d->route->is_floor,
		.wish = d->wish,
		.routed = d->route != NULL && d->route->host.n > 0,
		.mx_secure = h->mx_secure,
		.dane = h->dane,
		.sts = policy_mode(d),
		.sts_matches = policy_names(d, h) };
	return security_decide(&facts);
}
