/* SPDX-License-Identifier: Apache-2.0 */
/* From the hosts of a destination to one connection that has greeted: host after host in the order of the DNS (RFC 5321
 * 5.1), and of one host the addresses with a short delay between them, several at a time (RFC 8305 5). Whoever connects
 * first stays; its greeting is waited for here, where that costs a descriptor and no thread. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#include "os/fd.h"
#include "role/sender/sender.h"

enum { ATTEMPT_DELAY_MS = 250, CONNECTION_BUDGET = 16 << 10 };

static void step(struct connection *c);
static void on_timer(void *to);
static void on_attempt(void *to, uint32_t events);

static struct host *host_of(struct connection *c) { return &c->destination->hosts[c->host]; }

static void note(struct connection *c, enum cause cause, const char *status, const char *text)
{
	failure_set(&c->failure, cause, false, status, "%s", text);
	if (c->host < c->destination->hosts_count)
		snprintf(c->failure.host, sizeof c->failure.host, "%.*s", ARG(host_of(c)->name));
}

/* Nobody waits for the answer to a question for longer. */
static int64_t patience_ms(const struct connection *c, uint64_t seconds)
{
	const uint64_t most = c->sender->conf->edge.answer_timeout;
	return (int64_t)(c->destination->asks && most < seconds ? most : seconds) * 1000;
}

/* ---- attempts ---- */

static void attempt_end(struct attempt *a)
{
	loop_remove(a->connection->sender->service->loop, &a->watch);
	fd_close(&a->fd);
}

static void attempts_end(struct connection *c)
{
	for (size_t i = 0; i < ATTEMPTS_MAX; i++)
		attempt_end(&c->attempts[i]);
}

static size_t attempts_open(const struct connection *c)
{
	size_t open = 0;
	for (size_t i = 0; i < ATTEMPTS_MAX; i++)
		open += c->attempts[i].fd >= 0;
	return open;
}

static socklen_t sockaddr_of(const struct address *a, uint16_t port, struct sockaddr_storage *out)
{
	*out = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
	if (address_is_v4(a)) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)out;
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		memcpy(&v4->sin_addr, a->bytes + 12, 4);
		return sizeof *v4;
	}
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(port);
	memcpy(&v6->sin6_addr, a->bytes, 16);
	return sizeof *v6;
}

static bool bind_to(int fd, const struct address *own)
{
	struct sockaddr_storage from;
	socklen_t n = sockaddr_of(own, 0, &from);
	return bind(fd, (struct sockaddr *)&from, n) == 0;
}

/* The route's address, or that of the configuration, if it is of the same family. */
static bool choose_source(struct connection *c, int fd, const struct address *to)
{
	const struct route *r = c->destination->route;
	const struct conf_list *list = &c->sender->conf->sender.bind;
	struct address own;
	if (r != NULL && r->has_bind && address_is_v4(&r->bind) == address_is_v4(to))
		return bind_to(fd, &r->bind);
	for (size_t i = 0; i < list->count; i++)
		if (!failed(address_parse(list->items[i], &own)) && address_is_v4(&own) == address_is_v4(to))
			return bind_to(fd, &own);
	return true;
}

/* -1: it failed at once, with errno. */
static int connect_to(struct connection *c, const struct address *to, uint16_t port)
{
	struct sockaddr_storage address;
	const int yes = 1;
	socklen_t n = sockaddr_of(to, port, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (choose_source(c, fd, to) && (connect(fd, (struct sockaddr *)&address, n) == 0 || errno == EINPROGRESS))
		return fd;
	int reason = errno;
	fd_close(&fd);
	errno = reason;
	return -1;
}

/* Begins an attempt with the next address of the host. False: there is none left, or no room for one. */
static bool attempt_next(struct connection *c)
{
	struct host *h = host_of(c);
	struct attempt *a = NULL;
	for (size_t i = 0; i < ATTEMPTS_MAX && a == NULL; i++)
		if (c->attempts[i].fd < 0)
			a = &c->attempts[i];
	while (a != NULL && c->address < h->count) {
		a->address = h->addresses[c->address++];
		a->fd = connect_to(c, &a->address, h->port);
		if (a->fd < 0) {
			note(c, CAUSE_unreachable, "4.4.1", strerror(errno));
			continue;
		}
		if (!failed(loop_add(c->sender->service->loop, &a->watch, a->fd, EPOLLOUT, on_attempt, a)))
			return true;
		fd_close(&a->fd);
		note(c, CAUSE_local, "4.3.0", "it cannot be waited for");
	}
	return false;
}

/* ---- a connection that stands ---- */

static void on_greeting(void *to, uint32_t events)
{
	struct attempt *a = to;
	struct connection *c = a->connection;
	(void)events;
	loop_timer_stop(c->sender->service->loop, &c->timer);
	loop_remove(c->sender->service->loop, &a->watch);
	c->fd = a->fd;
	a->fd = -1;
	c->used = a->address;
	c->state = CONNECTION_GREETED;
	threads_give(c);
}

static void on_silence(void *to)
{
	struct connection *c = to;
	note(c, CAUSE_timeout, "4.4.2", "it accepted the connection and did not greet");
	attempts_end(c);
	c->state = CONNECTION_DIALLING;
	step(c);
}

/* RFC 5321 5.1: hosts that come behind ourselves are not used either. Where one came before us it may be back later. */
void dial_looped(struct connection *c)
{
	failure_set(&c->failure, CAUSE_loop, c->host == 0, c->host == 0 ? "5.4.6" : "4.4.6",
		"the mail server of this domain is this server itself");
	snprintf(c->failure.host, sizeof c->failure.host, "%.*s", ARG(host_of(c)->name));
	attempts_end(c);
	c->host = c->destination->hosts_count;
	c->state = CONNECTION_DIALLING;
	step(c);
}

static void connected(struct attempt *a)
{
	struct connection *c = a->connection;
	struct loop *loop = c->sender->service->loop;
	if (leads_to_ourselves(c->sender, a->fd, &a->address, host_of(c)->port)) {
		dial_looped(c);
		return;
	}
	for (size_t i = 0; i < ATTEMPTS_MAX; i++)
		if (&c->attempts[i] != a)
			attempt_end(&c->attempts[i]);
	c->state = CONNECTION_CONNECTED;
	c->host_used = c->host;
	loop_remove(loop, &a->watch);
	loop_timer_start(loop, &c->timer, patience_ms(c, c->sender->conf->sender.greeting_timeout), on_silence, c);
	if (failed(loop_add(loop, &a->watch, a->fd, EPOLLIN | EPOLLRDHUP, on_greeting, a)))
		on_silence(c);
}

static void on_attempt(void *to, uint32_t events)
{
	struct attempt *a = to;
	struct connection *c = a->connection;
	int reason = 0;
	socklen_t n = sizeof reason;
	(void)events;
	if (getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &reason, &n) == 0 && reason == 0) {
		connected(a);
		return;
	}
	note(c, CAUSE_unreachable, "4.4.1", strerror(reason));
	attempt_end(a);
	/* RFC 8305 5: one that failed does not wait for the delay. */
	loop_timer_stop(c->sender->service->loop, &c->timer);
	step(c);
}

/* ---- from address to address ---- */

static void on_timer(void *to)
{
	struct connection *c = to;
	if (c->address < host_of(c)->count && attempts_open(c) < ATTEMPTS_MAX) {
		step(c);
		return;
	}
	note(c, CAUSE_timeout, "4.4.1", "no answer to the attempt to connect");
	attempts_end(c);
	step(c);
}

static void wait_for_attempts(struct connection *c)
{
	const bool more = c->address < host_of(c)->count && attempts_open(c) < ATTEMPTS_MAX;
	int64_t wait = more ? ATTEMPT_DELAY_MS : patience_ms(c, c->sender->conf->sender.connect_timeout);
	loop_timer_start(c->sender->service->loop, &c->timer, wait, on_timer, c);
}

static void give_up(struct connection *c)
{
	struct destination *d = c->destination;
	struct failure f = c->failure;
	const bool probed = c->probe != NULL;
	connection_free(c);
	if (!probed)
		destination_give_up(d, &f);
}

/* RFC 8460 4.3.2.1, RFC 8460 4.3.2.2 */
static enum tls_result_type type_of_avoided(const struct security *s, const struct host *h)
{
	if (s->source != SOURCE_TLSA && s->source != SOURCE_SETTING)
		return TLS_RESULT_VALIDATION_FAILURE;
	if (h->dane == DANE_AVOID)
		return TLS_RESULT_DNSSEC_INVALID;
	return h->dane == DANE_ENCRYPT ? TLS_RESULT_TLSA_INVALID : TLS_RESULT_DANE_REQUIRED;
}

/* Some hosts are not even connected to (RFC 7672 2.2, RFC 8461 5): the failure is theirs. */
static bool is_avoided(struct connection *c, const struct host *h)
{
	struct destination *d = c->destination;
	struct sender *s = c->sender;
	const struct security security = destination_security(d, h);
	if (security.action != ACTION_AVOID)
		return false;
	failure_set(&c->failure, CAUSE_tls, security.is_final, security.is_final ? "5.7.10" : "4.7.5", "%s",
		security.reason);
	snprintf(c->failure.host, sizeof c->failure.host, "%.*s", ARG(h->name));
	const struct tls_note note = { .destination = d,
		.host = h,
		.helo = S(""),
		.source = security.source,
		.type = type_of_avoided(&security, h),
		.reason = str_of(security.reason) };
	results_note(s, &note);
	results_due(s);
	if (security.source == SOURCE_STS)
		policy_broken(&s->service->log, d, h, security.reason);
	return true;
}

/* Does not look at c afterwards: it may be gone. */
static void step(struct connection *c)
{
	struct destination *d = c->destination;
	while (c->host < d->hosts_count) {
		struct host *h = host_of(c);
		if (h->state == HOST_ASKED)
			return; /* destination_go_on() comes back */
		if (h->state == HOST_UNKNOWN) {
			lookup_host(d, h);
			return;
		}
		if (h->state == HOST_USABLE && !is_avoided(c, h) && (attempt_next(c) || attempts_open(c) > 0)) {
			wait_for_attempts(c);
			return;
		}
		if (h->state == HOST_UNUSABLE && h->evidence == EVIDENCE_BOGUS)
			results_note_bogus(d, h);
		if (h->state == HOST_UNUSABLE && (c->failure.cause == CAUSE_none || !h->failure.final))
			c->failure = h->failure;
		c->host++;
		c->address = 0;
		c->plain = false;
	}
	give_up(c);
}

void dial_next(struct connection *c)
{
	c->state = CONNECTION_DIALLING;
	step(c);
}

static struct connection *make(struct destination *d)
{
	struct sender *s = d->sender;
	struct arena *a = arena_new("connection", CONNECTION_BUDGET);
	struct connection *c = NEW(a, struct connection, 1);
	pthread_condattr_t attributes;
	*c = (struct connection){ .arena = a, .sender = s, .destination = d, .fd = -1, .counted = true };
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	for (size_t i = 0; i < ATTEMPTS_MAX; i++)
		c->attempts[i] = (struct attempt){ .connection = c, .fd = -1, .watch.fd = -1 };
	pthread_mutex_lock(&s->lock);
	c->next = d->connections;
	if (c->next != NULL)
		c->next->before = c;
	d->connections = c;
	d->connections_count++;
	d->dialling++;
	pthread_mutex_unlock(&s->lock);
	s->connections++;
	return c;
}

static bool is_connection_of(const struct destination *d, const struct connection *wanted)
{
	for (const struct connection *c = d->connections; c != NULL; c = c->next)
		if (c == wanted)
			return true;
	return false;
}

bool dial(struct destination *d)
{
	struct connection *c = make(d);
	step(c);
	return is_connection_of(d, c);
}

struct connection *dial_probe(struct destination *d, struct probe *p)
{
	struct connection *c = make(d);
	c->probed = true;
	step(c);
	if (!is_connection_of(d, c))
		return NULL;
	c->probe = p;
	return c;
}

void connection_free(struct connection *c)
{
	struct sender *s = c->sender;
	struct destination *d = c->destination;
	loop_timer_stop(s->service->loop, &c->timer);
	attempts_end(c);
	fd_close(&c->fd);
	pthread_mutex_lock(&s->lock);
	if (c->before != NULL)
		c->before->next = c->next;
	else
		d->connections = c->next;
	if (c->next != NULL)
		c->next->before = c->before;
	d->connections_count--;
	d->dialling -= c->counted;
	pthread_mutex_unlock(&s->lock);
	s->connections--;
	pthread_cond_destroy(&c->wake);
	if (c->probe != NULL)
		probe_connection_ended(c);
	struct arena *a = c->arena;
	arena_free(&a);
}
