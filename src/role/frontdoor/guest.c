/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a connection with TLS: handshake, the news to `greeter`, then bytes until both sides are done. */
#include <poll.h>
#include <sys/socket.h>

#include "os/clock.h"
#include "os/fd.h"
#include "role/frontdoor/frontdoor.h"

struct block *block_take(struct frontdoor *door)
{
	struct block *b = door->idle_blocks;
	if (b != NULL)
		door->idle_blocks = b->next;
	else
		b = NEW(door->service->arena, struct block, 1);
	if (b != NULL)
		b->at = b->n = 0;
	return b;
}

void block_give(struct frontdoor *door, struct block **block)
{
	struct block *b = *block;
	if (b == NULL)
		return;
	wipe(b->bytes, b->n); /* somebody's mail, perhaps a password */
	b->next = door->idle_blocks;
	door->idle_blocks = b;
	*block = NULL;
}

static struct guest *guest_take(struct frontdoor *door)
{
	struct guest *g = door->idle_guests;
	if (g != NULL)
		door->idle_guests = g->next;
	else
		g = NEW(door->service->arena, struct guest, 1);
	return g;
}

void guest_give(struct guest *g)
{
	g->next = g->door->idle_guests;
	g->door->idle_guests = g;
}

static struct log log_of(const struct guest *g)
{
	struct log log = g->door->service->log;
	log.session = str_of(g->session);
	return log;
}

void guest_end(struct guest *g)
{
	struct frontdoor *door = g->door;
	struct log log = log_of(g);
	if (g->shaken)
		LOG(&log, connection_closed, F_NUMBER("received", g->bytes_up), F_NUMBER("sent", g->bytes_down),
			F_NUMBER("milliseconds", (uint64_t)(clock_ms() - g->since)));
	loop_timer_stop(door->service->loop, &g->timer);
	loop_remove(door->service->loop, &g->outer_watch);
	loop_remove(door->service->loop, &g->inner_watch);
	handshake_cancel(&g->signature);
	tls_free(&g->tls);
	block_give(door, &g->up);
	block_give(door, &g->down);
	fd_close(&g->outer);
	fd_close(&g->inner);
	if (g->counted)
		tally_leave(door->tally, &g->address);
	if (g->told)
		presence_ended(g);
	else
		guest_give(g);
	door->guests--;
	if (door->retiring && door->guests == 0)
		service_finish(door->service);
}

err guest_announce(struct guest *g, int stream)
{
	struct msg_visitor visitor = { .service = str_of(g->service),
		.encrypted = true,
		.session = str_of(g->session),
		.stream = stream,
		.socket = g->outer,
		.greeted = g->greeted,
		.from = str_from((const char *)g->address.bytes, g->limited ? sizeof g->address.bytes : 0) };
	if (g->door->greeter.fd < 0)
		return FAIL(CLOSED);
	TRY(msg_send_visitor(&g->door->greeter, 0, &visitor));
	if (g->limited)
		presence_told(g);
	return OK;
}

static err open_inside(struct guest *g)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
		return FAIL(SYSTEM);
	err e = guest_announce(g, ends[1]);
	fd_close(&ends[1]);
	g->inner = ends[0];
	return e;
}

/* A hang-up is an event that cannot be switched off and would wake us for ever. The client's means that nobody is left to
 * talk to; ours inside means only that no more will come than is there. */
static void on_outer(void *to, uint32_t events)
{
	struct guest *g = to;
	g->outer_ready = true;
	if ((events & (EPOLLHUP | EPOLLERR)) != 0 && (events & EPOLLIN) == 0)
		guest_end(g);
	else
		guest_pump(g);
}

static void on_inner(void *to, uint32_t events)
{
	struct guest *g = to;
	g->inner_ready = true;
	if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		loop_remove(g->door->service->loop, &g->inner_watch);
	guest_pump(g);
}

static void on_shaken(struct guest *g)
{
	struct log log = log_of(g);
	char room[64];
	struct buf client = BUF_ON(room);
	address_write(&client, &g->address);
	LOG(&log, connection_opened, F_ADDRESS("client", buf_str(&client)), F_TEXT("service", str_of(g->service)),
		F_TEXT("tls", str_of(tls_version_name(g->tls))), F_TEXT("cipher", str_of(tls_cipher_name(g->tls))));
	loop_timer_stop(g->door->service->loop, &g->timer);
	g->shaken = true;
	g->outer_ready = tls_pending(g->tls); /* a client may have spoken behind its handshake */
	g->inner_events = EPOLLIN;
	err e = open_inside(g);
	if (!failed(e))
		e = loop_add(g->door->service->loop, &g->inner_watch, g->inner, EPOLLIN, on_inner, g);
	if (failed(e)) {
		LOG(&log, connection_refused, F_TEXT("reason", S("greeter cannot take it")), F_ERR(e));
		guest_end(g);
		return;
	}
	guest_pump(g);
}

static void await(struct guest *g, uint32_t wanted)
{
	if (wanted != g->outer_events)
		IGNORE(loop_change(g->door->service->loop, &g->outer_watch, wanted)); /* then the timer ends it */
	g->outer_events = wanted;
}

static void shake(struct guest *g)
{
	err e = handshake_step(&g->signature, g->tls);
	if (!failed(e)) {
		g->outer_watch.fn = on_outer;
		on_shaken(g);
		return;
	}
	/* While a signature is awaited the socket need not be watched, and nearly always it is not worth a call to say so. */
	if (e.code == ERR_AGAIN) {
		if (g->signature.state == WAIT_IDLE)
			await(g, tls_wants(g->tls) == POLLOUT ? EPOLLOUT : EPOLLIN);
		return;
	}
	struct log log = log_of(g);
	char room[64];
	struct buf client = BUF_ON(room);
	address_write(&client, &g->address);
	LOG(&log, tls_failed, F_ADDRESS("client", buf_str(&client)), F_TEXT("reason", str_of(tls_failure(g->tls))));
	guest_end(g);
}

static void on_signature(void *to) { shake(to); }

static void on_handshake(void *to, uint32_t events)
{
	struct guest *g = to;
	if (g->signature.state == WAIT_IDLE)
		shake(g);
	else if ((events & (EPOLLHUP | EPOLLERR)) != 0)
		guest_end(g);
	else
		await(g, 0); /* it has spoken before its turn, and would wake us until it has it */
}

static void on_late(void *to)
{
	struct guest *g = to;
	struct log log = log_of(g);
	if (!g->shaken)
		LOG(&log, tls_failed, F_TEXT("reason", S("the handshake took too long")));
	guest_end(g);
}

void guest_begin(struct frontdoor *door, int socket, const struct guest *like)
{
	struct guest *g = guest_take(door);
	struct tls *tls = g != NULL ? handshakes_accept(door->handshakes, socket) : NULL;
	if (tls == NULL) {
		if (g != NULL) {
			g->next = door->idle_guests;
			door->idle_guests = g;
		}
		if (like->counted)
			tally_leave(door->tally, &like->address);
		fd_close(&socket);
		return;
	}
	*g = *like;
	g->door = door;
	g->outer = socket;
	g->inner = -1;
	g->inner_watch.fd = -1;
	g->since = clock_ms();
	g->outer_events = EPOLLIN;
	g->read_wants = POLLIN;
	g->write_wants = POLLOUT;
	door->guests++;
	g->tls = tls;
	handshake_wait_init(&g->signature, door->handshakes, on_signature, g);
	loop_timer_start(
		door->service->loop, &g->timer, (int64_t)door->service->conf->tls.handshake_timeout * 1000, on_late, g);
	if (failed(loop_add(door->service->loop, &g->outer_watch, socket, EPOLLIN, on_handshake, g)))
		guest_end(g);
}
