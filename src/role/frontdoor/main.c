/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fd.h"
#include "os/peer.h"
#include "os/random.h"
#include "role/frontdoor/frontdoor.h"

enum { ENOUGH_FOR_MOST = 16384 };

/* After STARTTLS: the client's address is asked of the kernel anew, since nothing was kept of it. */
static err on_encrypt(struct frontdoor *door, const struct msg_encrypt *m, uint32_t tag)
{
	struct guest g = { .door = door, .greeted = true };
	(void)tag;
	memcpy(g.service, m->service.p, m->service.n);
	memcpy(g.session, m->session.p, m->session.n);
	IGNORE(peer_of_socket(m->socket, &g.address, &g.port)); /* for the log only */
	IGNORE(fd_set_nonblocking(m->socket, true));            /* accepted ones are; this one may not be any more */
	guest_begin(door, m->socket, &g);
	return OK;
}

#define CONVERSATION "ipc/frontdoor_greeter.def"
#define HEAR greeter_hear
#define HEAR_PEER struct frontdoor
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static void on_greeter(void *to, uint32_t events)
{
	struct frontdoor *door = to;
	(void)events;
	err e = channel_receive(&door->greeter);
	if (e.code == ERR_AGAIN)
		return;
	if (!failed(e))
		e = greeter_hear(door, &door->heard, door->greeter.in);
	if (!failed(e))
		return;
	if (e.code != ERR_CLOSED)
		LOG(&door->service->log, channel_broken, F_TEXT("peer", S("greeter")), F_ERR(e));
	loop_remove(door->service->loop, &door->greeter_watch);
	channel_close(&door->greeter);
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct frontdoor *door = s->state;
	(void)account;
	(void)pid;
	if (str_eq(peer, S("keyring"))) {
		handshakes_connect(door->handshakes, fd);
		return;
	}
	if (!str_starts(peer, S("greeter"))) {
		fd_close(&fd);
		return;
	}
	loop_remove(s->loop, &door->greeter_watch);
	channel_close(&door->greeter);
	door->greeter = channel_of(fd, s->in, s->out);
	door->heard = (struct hear_counts){ { 0 } };
	if (failed(loop_add(s->loop, &door->greeter_watch, fd, EPOLLIN, on_greeter, door)))
		channel_close(&door->greeter);
	presence_tell_all(door);
}

static void listener(struct service *s, str name, int fd)
{
	struct frontdoor *door = s->state;
	const struct service_kind *kind = door_kind(name);
	if (kind != NULL)
		listeners_add(&door->listeners, fd, kind);
	else
		fd_close(&fd);
}

static void prepare(struct service *s)
{
	static struct frontdoor door;
	door.service = s;
	door.listeners = (struct listeners){ .admit = door_admit, .to = &door };
	door.greeter = channel_of(-1, s->in, s->out);
	door.handshakes = handshakes_new(s, true);
	s->state = &door;
}

static err start(struct service *s)
{
	struct frontdoor *door = s->state;
	struct hash_key random;
	random_bytes(&random, sizeof random);
	/* Whatever imap.sessions_max is now: it may be raised while the door is open. */
	door->tally = tally_new(s->arena, ENOUGH_FOR_MOST, &random);
	if (door->tally == NULL)
		return FAIL(MEMORY);
	handshakes_await(door->handshakes);
	return listeners_open(&door->listeners, s->loop);
}

/* All but the certificates are asked for where they are needed. */
static void renewed(struct service *s) { (void)s; }

static void retire(struct service *s)
{
	struct frontdoor *door = s->state;
	listeners_close(&door->listeners, s->loop);
	door->retiring = true;
	if (door->guests == 0)
		service_finish(s);
}

static const struct role role_frontdoor = { .name = "frontdoor",
	.prepare = prepare,
	.channel = channel,
	.listener = listener,
	.start = start,
	.renewed = renewed,
	.retire = retire };

int main(int argc, char **argv) { return role_main(&role_frontdoor, argc, argv); }
