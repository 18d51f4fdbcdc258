/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "os/fd.h"
#include "os/peer.h"
#include "os/peer_user.h"
#include "os/random.h"
#include "role/receiver/receiver.h"

enum { STACK_BYTES = 256 << 10 };

static const struct service_kind kinds[] = {
	{ .name = "smtp" },
	{ .name = "submission", .submission = true },
	{ .name = "submissions", .submission = true, .implicit_tls = true },
	{ .name = "lmtp", .lmtp = true },
	{ .name = "local", .local = true },
};

static struct caller *idle;

static struct caller *caller_new(struct receiver *r)
{
	pthread_mutex_lock(&r->lock);
	struct caller *c = idle;
	if (c != NULL)
		idle = c->next;
	pthread_mutex_unlock(&r->lock);
	return c != NULL ? c : NEW(r->service->arena, struct caller, 1);
}

static void caller_give(struct caller *c)
{
	pthread_mutex_lock(&c->receiver->lock);
	c->next = idle;
	idle = c;
	pthread_mutex_unlock(&c->receiver->lock);
}

void caller_free(struct caller *c)
{
	struct receiver *r = c->receiver;
	pthread_mutex_lock(&r->lock);
	tally_leave(r->tally, &c->address);
	pthread_mutex_unlock(&r->lock);
	caller_give(c);
	if (atomic_fetch_sub(&r->sessions, 1) == 1 && r->retiring)
		service_finish(r->service);
}

void caller_write(struct buf *b, const struct caller *c)
{
	if (c->kind->local)
		buf_addf(b, "uid %u", c->user);
	else
		address_write(b, &c->address);
}

/* Where that needs no waiting; with TLS from the start it could not be. */
void caller_turn_away(struct caller *c, const char *reason)
{
	char room[64], text[160];
	struct buf client = BUF_ON(room), line = BUF_ON(text);
	caller_write(&client, c);
	LOG(&c->receiver->service->log, connection_refused, F_ADDRESS("client", buf_str(&client)),
		F_TEXT("service", str_of(c->kind->name)), F_TEXT("reason", str_of(reason)));
	buf_addf(&line, "421 4.7.0 %s\r\n", reason);
	if (!c->kind->implicit_tls) {
		ssize_t sent = send(c->fd, line.p, line.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)sent; /* it is closed in any case */
	}
	fd_close(&c->fd);
}

static bool is_in(const struct conf_networks *n, const struct address *a)
{
	return networks_have(n->items, n->count, a);
}

static struct tally_limits limits_for(const struct caller *c, const struct address *address)
{
	const struct conf *conf = c->receiver->service->conf;
	const bool internal = c->comes_by_proxy || (c->kind->local && c->user == 0) ||
			      is_in(&conf->server.internal_networks, address);
	return (struct tally_limits){ .all = conf->smtp.sessions_max,
		.address = internal ? 0 : conf->smtp.sessions_per_address,
		.network = internal ? 0 : conf->smtp.sessions_per_network };
}

static const char *why_not(const struct caller *c, const struct address *address)
{
	struct receiver *r = c->receiver;
	const struct tally_limits limits = limits_for(c, address);
	if (c->kind->lmtp && !c->comes_by_proxy && !is_in(&r->service->conf->server.lmtp_networks, address))
		return "this service is for lmtp_networks only";
	pthread_mutex_lock(&r->lock);
	enum tally_answer answer = tally_enter(r->tally, address, &limits);
	pthread_mutex_unlock(&r->lock);
	return tally_text(answer);
}

const char *caller_readmit(struct caller *c, const struct address *address)
{
	const char *reason;
	c->comes_by_proxy = false;
	reason = why_not(c, address);
	if (reason != NULL)
		return reason;
	pthread_mutex_lock(&c->receiver->lock);
	tally_leave(c->receiver->tally, &c->address);
	pthread_mutex_unlock(&c->receiver->lock);
	c->address = *address;
	return NULL;
}

static bool start_thread(struct caller *c)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int failure = pthread_create(&thread, &attributes, c->comes_by_proxy ? receive_proxied : receive_mail, c);
	pthread_attr_destroy(&attributes);
	return failure == 0;
}

/* Each user of this machine counts as a network of its own, of a prefix that nobody comes from. */
static void take_user(struct caller *c)
{
	uid_t user;
	if (failed(peer_user_of_socket(c->fd, &user)))
		user = UINT32_MAX - 1; /* nobody: `directory` will see the same and refuse */
	c->user = user;
	c->address = (struct address){ { 0x01 } };
	for (size_t i = 0; i < 4; i++)
		c->address.bytes[4 + i] = (uint8_t)(user >> (24 - 8 * i));
}

static void admit(void *to, const void *kind, int fd, const struct sockaddr_storage *from)
{
	struct receiver *r = to;
	struct caller *c = caller_new(r);
	const int yes = 1;
	if (c == NULL) {
		fd_close(&fd);
		return;
	}
	*c = (struct caller){ .receiver = r, .kind = kind, .fd = fd };
	if (c->kind->local)
		take_user(c);
	else
		IGNORE(peer_of(from, &c->address, &c->port)); /* the other listeners are IP sockets */
	c->comes_by_proxy = !c->kind->local && is_in(&r->service->conf->smtp.proxy_from, &c->address);
	const char *reason = why_not(c, &c->address);
	if (reason != NULL) {
		caller_turn_away(c, reason);
		caller_give(c);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
	atomic_fetch_add(&r->sessions, 1);
	if (!start_thread(c)) {
		fd_close(&c->fd);
		caller_free(c);
	}
}

static void listener(struct service *s, str name, int fd)
{
	struct receiver *r = s->state;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (str_eq(name, str_of(kinds[i].name))) {
			listeners_add(&r->listeners, fd, &kinds[i]);
			return;
		}
	fd_close(&fd);
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct receiver *r = s->state;
	(void)account;
	(void)pid;
	if (str_eq(peer, S("directory")))
		session_opener_connect(r->directory, fd);
	else if (str_eq(peer, S("queue")))
		session_opener_connect(r->queue, fd);
	else if (str_eq(peer, S("keyring")))
		handshakes_connect(r->handshakes, fd);
	else
		fd_close(&fd);
}

static void prepare(struct service *s)
{
	static struct receiver receiver;
	receiver.service = s;
	receiver.listeners = (struct listeners){ .admit = admit, .to = &receiver, .waits = true };
	receiver.directory = session_opener_new();
	receiver.queue = session_opener_new();
	receiver.handshakes = handshakes_new(s, false);
	pthread_mutex_init(&receiver.lock, NULL);
	s->state = &receiver;
}

static err start(struct service *s)
{
	struct receiver *r = s->state;
	struct hash_key random;
	random_bytes(&random, sizeof random);
	r->tally = tally_new(s->arena, (size_t)s->conf->smtp.sessions_max, &random);
	if (r->tally == NULL)
		return FAIL(MEMORY);
	handshakes_await(r->handshakes);
	return listeners_open(&r->listeners, s->loop);
}

static void retire(struct service *s)
{
	struct receiver *r = s->state;
	listeners_close(&r->listeners, s->loop);
	r->retiring = true;
	if (atomic_load(&r->sessions) == 0)
		service_finish(s);
}

static const struct role role_receiver = { .name = "receiver",
	.prepare = prepare,
	.channel = channel,
	.listener = listener,
	.start = start,
	.retire = retire };

int main(int argc, char **argv) { return role_main(&role_receiver, argc, argv); }
