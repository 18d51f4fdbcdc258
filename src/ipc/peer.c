/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/peer.h"

#include <stdlib.h>

#include "os/fd.h"

void peer_init(struct peer *p, struct service *s, const struct peer_kind *kind, void *to)
{
	*p = (struct peer){ .service = s,
		.kind = kind,
		.to = to,
		.name = kind->name,
		.channel = channel_of(-1, s->in, s->out),
		.watch.fd = -1 };
}

static err hear(struct peer *p)
{
	struct frame *in = p->channel.in;
	TRY(channel_receive(&p->channel));
	if (p->kind->hear == NULL) {
		frame_drop(in);
		return FAIL(SYNTAX);
	}
	const size_t length = in->n;
	const bool secret = p->kind->secret;
	err e = p->kind->hear(p->to, &p->heard, in);
	if (secret)
		wipe(in->bytes, length);
	return e.code == ERR_AGAIN ? FAIL(STATE) : e; /* AGAIN is said of the channel alone */
}

static void complain(const struct peer *p, err e)
{
	const str name = str_of(p->name);
	if (e.code == ERR_CLOSED)
		return;
	if (p->account != 0)
		LOG(&p->service->log, channel_broken, F_TEXT("peer", name), F_NUMBER("account", p->account), F_ERR(e));
	else
		LOG(&p->service->log, channel_broken, F_TEXT("peer", name), F_ERR(e));
}

static void end(struct peer *p)
{
	peer_close(p);
	if (p->kind->gone != NULL)
		p->kind->gone(p->to);
}

err peer_read(struct peer *p, unsigned frames)
{
	for (unsigned i = 0; i < frames; i++) {
		err e = peer_is_open(p) ? hear(p) : FAIL(AGAIN);
		if (e.code == ERR_AGAIN)
			return e;
		if (failed(e)) {
			complain(p, e);
			end(p);
			return e;
		}
		if (p->holds_off)
			break;
	}
	return OK;
}

static uint32_t awaited(const struct peer *p)
{
	return (p->holds_off ? 0u : (uint32_t)EPOLLIN) | (p->awaits_room ? (uint32_t)EPOLLOUT : 0u);
}

/* Where it is not watched yet it will be, for what is awaited then. */
static void change(struct peer *p)
{
	if (p->watch.fd >= 0 && failed(loop_change(p->service->loop, &p->watch, awaited(p))))
		abort(); /* the watch is there, and changing it allocates nothing */
}

void peer_await_room(struct peer *p)
{
	if (!peer_is_open(p) || p->awaits_room)
		return;
	p->awaits_room = true;
	change(p);
}

void peer_hold_off(struct peer *p, bool holds_off)
{
	if (!peer_is_open(p) || p->holds_off == holds_off)
		return;
	p->holds_off = holds_off;
	change(p);
}

/* One that is held off comes here when it has gone: then what it said last is heard, one at a time, and its end. */
static void on_frames(void *to, uint32_t events)
{
	struct peer *p = to;
	if ((events & EPOLLOUT) != 0 && p->awaits_room) {
		p->awaits_room = false;
		change(p);
		p->kind->room(p->to);
	}
	/* The loop calls again while there is more; gone() was told of the rest. */
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		IGNORE(peer_read(p, PEER_FRAMES));
}

static err watch(struct peer *p)
{
	loop_fn *own = p->kind->on_event;
	return loop_add(p->service->loop, &p->watch, p->channel.fd, awaited(p), own != NULL ? own : on_frames,
		own != NULL ? p->to : p);
}

static void set_channel(struct peer *p, int fd)
{
	if (p->lock != NULL)
		pthread_mutex_lock(p->lock);
	fd_close(&p->channel.fd);
	p->channel.fd = fd;
	if (p->lock != NULL)
		pthread_mutex_unlock(p->lock);
}

err peer_open(struct peer *p, int fd)
{
	struct service *s = p->service;
	peer_close(p);
	set_channel(p, fd);
	p->heard = (struct hear_counts){ { 0 } };
	p->awaits_room = p->holds_off = false;
	if (s->starting) {
		p->next_waiting = s->waiting;
		s->waiting = p;
		return OK;
	}
	err e = watch(p);
	if (failed(e))
		peer_close(p);
	return e;
}

void peer_close(struct peer *p)
{
	if (!peer_is_open(p))
		return;
	for (struct peer **at = &p->service->waiting; *at != NULL; at = &(*at)->next_waiting)
		if (*at == p) {
			*at = p->next_waiting;
			break;
		}
	loop_remove(p->service->loop, &p->watch);
	set_channel(p, -1);
}

void peers_start(struct service *s)
{
	s->starting = false;
	for (struct peer *p; (p = s->waiting) != NULL;) {
		s->waiting = p->next_waiting;
		if (failed(watch(p)))
			end(p);
	}
}
