/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that needs a signature takes one of a few channels, asks, waits and gives it back. A channel on which an answer
 * did not come in time is closed: it might come later, and would be another question's. */
#include <errno.h>
#include <time.h>

#include "os/fd.h"
#include "role/handshakes_inside.h"

#define CONVERSATION "ipc/asker_keyring.def"
#include "ipc/conversation.h"

static struct timespec deadline(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += PATIENCE_MS / 1000;
	return t;
}

static struct line *find_free(struct handshakes *h)
{
	for (size_t i = 0; i < LINES; i++)
		if (!h->lines[i].taken)
			return &h->lines[i];
	return NULL;
}

static err take(struct handshakes *h, struct line **out)
{
	const struct timespec until = deadline();
	struct line *l;
	pthread_mutex_lock(&h->lock);
	while ((l = find_free(h)) == NULL)
		if (pthread_cond_timedwait(&h->line_free, &h->lock, &until) == ETIMEDOUT)
			break;
	if (l != NULL) {
		l->taken = true;
		if (l->generation != h->generation)
			channel_close(&l->channel);
		l->generation = h->generation;
	}
	pthread_mutex_unlock(&h->lock);
	if (l == NULL)
		return FAIL(BUSY);
	*out = l;
	return OK;
}

static void give(struct handshakes *h, struct line *l)
{
	pthread_mutex_lock(&h->lock);
	l->taken = false;
	pthread_cond_signal(&h->line_free);
	pthread_mutex_unlock(&h->lock);
}

static err open_line(struct handshakes *h, struct line *l, struct desk *desk)
{
	int ends[2];
	TRY(channel_pair(ends));
	const struct msg_line_open m = { .end = ends[1] };
	pthread_mutex_lock(&h->lock);
	struct channel c = channel_of(h->keyring.channel.fd, &desk->in, &desk->out);
	err e = c.fd >= 0 ? msg_send_line_open(&c, 0, &m) : FAIL(CLOSED);
	pthread_mutex_unlock(&h->lock);
	fd_close(&ends[1]);
	if (failed(e))
		fd_close(&ends[0]);
	else
		l->channel = channel_waiting(ends[0], PATIENCE_MS, &desk->in, &desk->out);
	return e;
}

static err hear(struct channel *c, struct buf *signature)
{
	struct msg_signature m;
	TRY(channel_receive(c));
	if (c->in->number == MSG_refusal) {
		struct msg_refusal refusal;
		TRY(msg_get_refusal(c->in, &refusal));
		return FAIL(DENIED);
	}
	if (c->in->number != MSG_signature) {
		frame_drop(c->in);
		return FAIL(SYNTAX);
	}
	TRY(msg_get_signature(c->in, &m));
	buf_add(signature, m.signature);
	return OK;
}

static err ask(struct handshakes *h, struct line *l, uint32_t key, const struct tls_signed *what, struct buf *signature)
{
	struct desk *desk = desk_take();
	err e = l->channel.fd >= 0 ? OK : open_line(h, l, desk);
	if (!failed(e)) {
		l->channel.in = &desk->in;
		l->channel.out = &desk->out;
		e = handshakes_ask(&l->channel, 0, key, what);
		if (!failed(e))
			e = hear(&l->channel, signature);
	}
	if (failed(e) && e.code != ERR_DENIED)
		channel_close(&l->channel);
	desk_give(&desk);
	return e;
}

err handshakes_sign_waiting(void *to, uint32_t key, const struct tls_signed *what, struct buf *signature)
{
	struct handshakes *h = to;
	struct line *l;
	TRY(take(h, &l));
	err e = ask(h, l, key, what, signature);
	give(h, l);
	return e;
}
