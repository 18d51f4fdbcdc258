/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/socket.h>

#include "os/fd.h"
#include "os/peer.h"
#include "os/random.h"
#include "role/greeter/greeter.h"

enum { STACK_BYTES = 256 << 10, PATIENCE_MS = 10000, FAREWELL_ROOM = 600 };

static pthread_mutex_t idle_lock = PTHREAD_MUTEX_INITIALIZER;
static struct visitor *idle;

static struct visitor *visitor_new(struct greeter *g)
{
	pthread_mutex_lock(&idle_lock);
	struct visitor *v = idle;
	if (v != NULL)
		idle = v->next;
	pthread_mutex_unlock(&idle_lock);
	if (v == NULL && (v = NEW(g->service->arena, struct visitor, 1)) == NULL)
		return NULL;
	*v = (struct visitor){ .greeter = g, .stream = -1, .socket = -1 };
	atomic_fetch_add(&g->visitors, 1);
	return v;
}

void visitor_free(struct visitor *v)
{
	struct greeter *g = v->greeter;
	pthread_mutex_lock(&idle_lock);
	v->next = idle;
	idle = v;
	pthread_mutex_unlock(&idle_lock);
	if (atomic_fetch_sub(&g->visitors, 1) == 1 && g->retiring)
		service_finish(g->service);
}

/* A client that cannot be served is told so where that needs no waiting. */
static void turn_away(int stream, str tag, str reason)
{
	char room[FAREWELL_ROOM];
	struct buf text = BUF_ON(room);
	if (tag.n > 0)
		buf_addf(&text, "%.*s NO [UNAVAILABLE] %.*s\r\n", ARG(tag), ARG(reason));
	buf_addf(&text, "* BYE %.*s\r\n", ARG(reason));
	ssize_t sent = send(stream, text.p, text.n, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)sent; /* it is going to be closed in any case */
	shutdown(stream, SHUT_WR);
	fd_close(&stream);
}

static void copy_text(char room[33], str text)
{
	text = str_slice(text, 0, 32);
	memcpy(room, text.p, text.n);
	room[text.n] = '\0';
}

static void refuse_visitor(struct greeter *g, const struct msg_visitor *m, str reason)
{
	struct log log = g->service->log;
	char room[64];
	struct buf client = BUF_ON(room);
	struct address address;
	unsigned port;
	int socket = m->socket;
	log.session = m->session;
	if (!failed(peer_of_socket(socket >= 0 ? socket : m->stream, &address, &port)))
		address_write(&client, &address);
	LOG(&log, connection_refused, F_ADDRESS("client", buf_str(&client)), F_TEXT("service", m->service),
		F_TEXT("reason", reason));
	turn_away(m->stream, NO_STR, S("too many connections, please try again"));
	fd_close(&socket);
}

static err on_visitor(struct door *door, const struct msg_visitor *m, uint32_t tag)
{
	struct greeter *g = door->peer.service->state;
	(void)tag;
	struct visitor *v = NULL;
	bool is_welcome = true;
	err e = presence_enter(door, m->from, &is_welcome);
	if (failed(e) || !is_welcome) {
		refuse_visitor(g, m, S("too many connections from this address"));
		return e;
	}
	if (atomic_load(&g->visitors) < g->service->conf->imap.greeting_max)
		v = visitor_new(g);
	if (v != NULL) {
		v->frontdoor = door;
		v->stream = m->stream;
		v->socket = m->socket;
		v->encrypted = m->encrypted;
		v->greeted = m->greeted;
		copy_text(v->session, m->session);
		copy_text(v->service, m->service);
		if (!failed(crew_run(g->crew, greet, v)))
			return OK;
		visitor_free(v);
	}
	refuse_visitor(g, m, S("too many clients have not logged in yet"));
	return OK;
}

/* Those that are here already are not sent away, whatever the limit. */
static err on_here(struct door *door, const struct msg_here *m, uint32_t tag)
{
	bool is_welcome;
	(void)tag;
	for (str rest = m->from; rest.n > 0; rest = str_after(rest, sizeof(struct address)))
		TRY(presence_enter(door, str_slice(rest, 0, sizeof(struct address)), &is_welcome));
	return OK;
}

static err on_gone(struct door *door, const struct msg_gone *m, uint32_t tag)
{
	(void)tag;
	return presence_leave(door, m->from);
}

static void frontdoor_gone(void *to) { presence_forget(to); }

#define CONVERSATION "ipc/frontdoor_greeter.def"
#define HEAR frontdoor_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err on_not_entered(struct greeter *g, const struct msg_not_entered *m, uint32_t tag)
{
	(void)tag;
	if (m->forged)
		LOG(&g->service->log, alarm, F_TEXT("reason", S("mailroom did not know a login of ours")));
	turn_away(m->stream, m->tag, m->reason);
	return OK;
}

#define CONVERSATION "ipc/greeter_mailroom.def"
#define HEAR mailroom_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static const struct peer_kind frontdoor_kind = { .name = "frontdoor", .hear = frontdoor_hear, .gone = frontdoor_gone };
static const struct peer_kind mailroom_kind = { .name = "mailroom", .hear = mailroom_hear };

/* A front door that was started again takes the place of its predecessor, and its connections to be encrypted too. */
static struct door *place_of(struct greeter *g, str name)
{
	for (size_t i = 0; i < FRONTDOORS_MAX; i++) {
		struct door *door = &g->frontdoor[i];
		if (door->name[0] != '\0' && !str_eq(str_of(door->name), str_slice(name, 0, 32)))
			continue;
		copy_text(door->name, name);
		return door;
	}
	return NULL;
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct greeter *g = s->state;
	(void)account;
	(void)pid;
	struct door *place = str_starts(peer, S("frontdoor")) ? place_of(g, peer) : NULL;
	if (str_eq(peer, S("directory")))
		session_opener_connect(g->directory, fd);
	else if (str_eq(peer, S("mailroom")))
		IGNORE(peer_open(&g->mailroom, fd)); /* or it finds its end closed */
	else if (place != NULL) {
		presence_forget(place);
		IGNORE(peer_open(&place->peer, fd));
	} else
		fd_close(&fd);
}

static void prepare(struct service *s)
{
	static struct greeter greeter;
	greeter.service = s;
	greeter.directory = session_opener_new();
	greeter.crew = crew_new(STACK_BYTES, PATIENCE_MS);
	random_bytes(&greeter.key, sizeof greeter.key);
	pthread_mutex_init(&greeter.lock, NULL);
	peer_init(&greeter.mailroom, s, &mailroom_kind, &greeter);
	greeter.mailroom.lock = &greeter.lock;
	for (size_t i = 0; i < FRONTDOORS_MAX; i++) {
		struct door *door = &greeter.frontdoor[i];
		peer_init(&door->peer, s, &frontdoor_kind, door);
		door->peer.lock = &greeter.lock;
		door->peer.name = door->name;
	}
	s->state = &greeter;
}

static err start(struct service *s)
{
	(void)s;
	return OK;
}

static void retire(struct service *s)
{
	struct greeter *g = s->state;
	g->retiring = true;
	if (atomic_load(&g->visitors) == 0)
		service_finish(s);
}

static const struct role role_greeter = {
	.name = "greeter", .prepare = prepare, .channel = channel, .start = start, .retire = retire
};

int main(int argc, char **argv) { return role_main(&role_greeter, argc, argv); }
