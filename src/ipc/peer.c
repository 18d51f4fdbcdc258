/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/peer.h"

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
		if (!failed(e))
			continue;
		complain(p, e);
		end(p);
		return e;
	}
	return OK;
}

static void on_frames(void *to, uint32_t events)
{
	(void)events;
	IGNORE(peer_read(to, PEER_FRAMES)); /* the loop calls again while there is more; gone() was told of the rest */
}

static err watch(struct peer *p)
{
	loop_fn *own = p->kind->on_event;
	return loop_add(p->service->loop, &p->watch, p->channel.fd, EPOLLIN, own != NULL ? own : on_frames,
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
