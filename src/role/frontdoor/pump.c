/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in both directions. A side is read when an event said that it may have something, and again as long as a read
 * filled a block: a short one has taken all there was, and whatever comes later is an event again. One side is not
 * read while what it said before still waits for the other, so a slow reader holds up its own sender and costs one
 * block. The end of one direction is passed on as such; the other goes on. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "os/fd.h"
#include "role/frontdoor/frontdoor.h"

enum { GOODBYE_MS = 3000, ROUNDS_MAX = 16 };

/* What a step did: moved something, has to wait, or found that the connection is of no further use. */
enum progress { MOVED, WAITS, BROKEN };

static enum progress judge(err e) { return !failed(e) ? MOVED : e.code == ERR_AGAIN ? WAITS : BROKEN; }

static enum progress read_outer(struct guest *g)
{
	struct block *b = block_take(g->door);
	size_t got = 0;
	if (b == NULL)
		return BROKEN;
	err e = tls_read(g->tls, b->bytes, sizeof b->bytes, &got);
	g->outer_ready = !failed(e) && (got == sizeof b->bytes || tls_pending(g->tls));
	if (!failed(e)) {
		b->n = got;
		g->up = b;
		g->bytes_up += got;
		return MOVED;
	}
	block_give(g->door, &b);
	if (e.code == ERR_CLOSED)
		g->up_ended = true;
	if (e.code == ERR_AGAIN)
		g->read_wants = tls_wants(g->tls);
	return e.code == ERR_CLOSED ? MOVED : judge(e);
}

static enum progress read_inner(struct guest *g)
{
	struct block *b = block_take(g->door);
	size_t got = 0;
	if (b == NULL)
		return BROKEN;
	err e = fd_read(g->inner, b->bytes, sizeof b->bytes, &got);
	/* One that has hung up is watched no longer: it is read to its end. */
	g->inner_ready = !failed(e) && (got == sizeof b->bytes || g->inner_watch.fd < 0);
	if (!failed(e)) {
		b->n = got;
		g->down = b;
		g->bytes_down += got;
		return MOVED;
	}
	block_give(g->door, &b);
	if (e.code == ERR_CLOSED)
		g->down_ended = true;
	return e.code == ERR_CLOSED ? MOVED : judge(e);
}

static enum progress step_up(struct guest *g)
{
	size_t put = 0;
	if (g->up != NULL) {
		err e = fd_write(g->inner, g->up->bytes + g->up->at, g->up->n - g->up->at, &put);
		if (failed(e))
			return judge(e);
		g->up->at += put;
		if (g->up->at == g->up->n)
			block_give(g->door, &g->up);
		return MOVED;
	}
	if (!g->up_ended)
		return g->outer_ready ? read_outer(g) : WAITS;
	if (!g->up_shut && !(g->down_ended && g->down == NULL)) /* both are over: it is closed at once */
		shutdown(g->inner, SHUT_WR);
	g->up_shut = true;
	return WAITS;
}

static enum progress step_down(struct guest *g)
{
	size_t put = 0;
	if (g->down != NULL) {
		err e = tls_write(g->tls, g->down->bytes + g->down->at, g->down->n - g->down->at, &put);
		g->write_wants = e.code == ERR_AGAIN ? tls_wants(g->tls) : POLLOUT;
		if (failed(e))
			return judge(e);
		g->down->at += put;
		if (g->down->at == g->down->n)
			block_give(g->door, &g->down);
		return MOVED;
	}
	if (!g->down_ended)
		return g->inner_ready ? read_inner(g) : WAITS;
	if (!g->down_shut) {
		IGNORE(tls_end(g->tls)); /* a client that cannot be told will see the connection end */
		if (!(g->up_ended && g->up == NULL))
			shutdown(g->outer, SHUT_WR);
	}
	g->down_shut = true;
	return WAITS;
}

static void on_gone(void *to) { guest_end(to); }

static void on_resume(void *to)
{
	struct guest *g = to;
	g->outer_ready = true;
	guest_pump(g);
}

/* Within TLS a read may have to write, and a write to read. */
static uint32_t event_for(short wanted) { return wanted == POLLIN ? EPOLLIN : EPOLLOUT; }

static void watch(struct guest *g, struct loop_watch *w, uint32_t *now, uint32_t wanted)
{
	if (wanted != *now && w->fd >= 0 && !failed(loop_change(g->door->service->loop, w, wanted)))
		*now = wanted;
}

/* Waits for whatever the steps could not do. An end of the stream is an event that stays, so a side that has ended and is
 * not written to is not watched at all. */
static void wait(struct guest *g)
{
	uint32_t outer = 0, inner = 0;
	if (g->up != NULL)
		inner |= EPOLLOUT;
	else if (!g->up_ended)
		outer |= event_for(g->read_wants);
	if (g->down != NULL)
		outer |= event_for(g->write_wants);
	else if (!g->down_ended)
		inner |= EPOLLIN;
	watch(g, &g->outer_watch, &g->outer_events, outer);
	watch(g, &g->inner_watch, &g->inner_events, inner);
	/* After our last word a client gets a moment to read it and to hang up. */
	if (g->down_shut && !g->timer.running)
		loop_timer_start(g->door->service->loop, &g->timer, GOODBYE_MS, on_gone, g);
}

void guest_pump(struct guest *g)
{
	bool more = true;
	for (int round = 0; more && round < ROUNDS_MAX; round++) {
		enum progress up = step_up(g), down = up == BROKEN ? BROKEN : step_down(g);
		if (up == BROKEN || down == BROKEN || (g->up_shut && g->down_shut)) {
			guest_end(g);
			return;
		}
		more = up == MOVED || down == MOVED;
	}
	/* Others are served first; what is decrypted already would wake nobody. */
	if (more && g->up == NULL && tls_pending(g->tls))
		loop_timer_start(g->door->service->loop, &g->timer, 0, on_resume, g);
	wait(g);
}
