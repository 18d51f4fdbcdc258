/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting: who may come in, and where to. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include "os/fd.h"
#include "os/peer.h"
#include "os/random.h"
#include "role/frontdoor/frontdoor.h"

enum { ACCEPTS_AT_ONCE = 16, TIRED_MS = 100 };

void session_name(char room[33])
{
	uint64_t name = random_number();
	struct buf text = { .p = room, .room = 32 };
	buf_hex(&text, &name, sizeof name);
	room[text.n] = '\0';
}

static void refuse(const struct frontdoor *door, const struct guest *g, int fd, const char *reason)
{
	char room[64];
	struct buf client = BUF_ON(room);
	address_write(&client, &g->address);
	LOG(&door->service->log, connection_refused, F_ADDRESS("client", buf_str(&client)),
		F_TEXT("service", str_of(g->service)), F_TEXT("reason", str_of(reason)));
	fd_close(&fd);
}

/* Without TLS there is nothing to do here: `greeter` gets the connection as it is. */
static void hand_on(struct frontdoor *door, struct guest *g, int fd)
{
	struct msg_visitor visitor = {
		.service = str_of(g->service), .session = str_of(g->session), .stream = fd, .socket = -1
	};
	struct log log = door->service->log;
	char room[64];
	struct buf client = BUF_ON(room);
	address_write(&client, &g->address);
	log.session = str_of(g->session);
	if (door->greeter.fd < 0 || failed(msg_send_visitor(&door->greeter, 0, &visitor))) {
		refuse(door, g, fd, "greeter cannot take it");
		return;
	}
	LOG(&log, connection_opened, F_ADDRESS("client", buf_str(&client)), F_TEXT("service", str_of(g->service)));
	fd_close(&fd);
}

static void admit(struct listener *l, int fd, const struct sockaddr_storage *from)
{
	struct frontdoor *door = l->door;
	const struct conf_imap *conf = &door->service->conf->imap;
	const struct conf_networks *internal_networks = &door->service->conf->server.internal_networks;
	struct guest g = { .door = door };
	memcpy(g.service, l->service, sizeof g.service);
	IGNORE(peer_of(from, &g.address, &g.port)); /* listeners are IP sockets */
	bool internal = networks_have(internal_networks->items, internal_networks->count, &g.address);
	if (l->internal_only && !internal) {
		refuse(door, &g, fd, "this service is for internal_networks only");
		return;
	}
	const struct tally_limits limits = { .all = conf->sessions_max,
		.address = internal ? 0 : conf->sessions_per_address };
	session_name(g.session);
	const int yes = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
	if (!l->with_tls) {
		hand_on(door, &g, fd);
		return;
	}
	enum tally_answer answer = tally_enter(door->tally, &g.address, &limits);
	g.counted = answer == TALLY_WELCOME;
	if (g.counted)
		guest_begin(door, fd, &g);
	else
		refuse(door, &g, fd, tally_text(answer));
}

static void on_connection(void *to, uint32_t events)
{
	struct listener *l = to;
	(void)events;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
		socklen_t length = sizeof from;
		int fd = accept4(l->fd, (struct sockaddr *)&from, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			admit(l, fd, &from);
			continue;
		}
		/* Without descriptors the listener would wake us for ever: the connections that end make room again. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			poll(NULL, 0, TIRED_MS);
		return;
	}
}

void door_listen(struct frontdoor *door, str service, int fd)
{
	if (door->listeners_count == LISTENERS_MAX || service.n > 32) {
		fd_close(&fd);
		return;
	}
	struct listener *l = &door->listeners[door->listeners_count++];
	*l = (struct listener){ .door = door,
		.fd = fd,
		.with_tls = str_eq(service, S("imaps")),
		.internal_only = !str_eq(service, S("imaps")) };
	memcpy(l->service, service.p, service.n);
	IGNORE(fd_set_nonblocking(fd, true)); /* the supervisor made it so */
}

void door_open(struct frontdoor *door)
{
	for (size_t i = 0; i < door->listeners_count; i++) {
		struct listener *l = &door->listeners[i];
		if (failed(loop_add(door->service->loop, &l->watch, l->fd, EPOLLIN | EPOLLEXCLUSIVE, on_connection, l)))
			LOG(&door->service->log, alarm, F_TEXT("reason", S("a listener cannot be watched")));
	}
}

void door_close(struct frontdoor *door)
{
	for (size_t i = 0; i < door->listeners_count; i++) {
		loop_remove(door->service->loop, &door->listeners[i].watch);
		fd_close(&door->listeners[i].fd);
	}
	door->listeners_count = 0;
}
