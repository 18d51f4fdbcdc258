/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/desk.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "os/fd.h"

#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct desk *idle;

struct desk *desk_take(void)
{
	pthread_mutex_lock(&lock);
	struct desk *d = idle;
	if (d != NULL)
		idle = d->next;
	pthread_mutex_unlock(&lock);
	if (d == NULL)
		d = calloc(1, sizeof *d);
	if (d == NULL)
		abort();
	return d;
}

void desk_give(struct desk **desk)
{
	struct desk *d = *desk;
	if (d == NULL)
		return;
	wipe(d->in.bytes, d->in.n);
	wipe(d->out.bytes, d->out.n);
	pthread_mutex_lock(&lock);
	d->next = idle;
	idle = d;
	pthread_mutex_unlock(&lock);
	*desk = NULL;
}

struct session_opener {
	pthread_mutex_t lock;
	int fd;
};

struct session_opener *session_opener_new(void)
{
	struct session_opener *o = calloc(1, sizeof *o);
	if (o == NULL)
		abort();
	pthread_mutex_init(&o->lock, NULL);
	o->fd = -1;
	return o;
}

void session_opener_connect(struct session_opener *o, int fd)
{
	pthread_mutex_lock(&o->lock);
	fd_close(&o->fd);
	o->fd = fd;
	pthread_mutex_unlock(&o->lock);
}

err session_prepare(unsigned patience, struct desk *desk, struct channel *out, int *far)
{
	int ends[2];
	TRY(channel_pair(ends));
	*out = channel_waiting(ends[0], patience, &desk->in, &desk->out);
	*far = ends[1];
	return OK;
}

err session_submit(struct session_opener *o, struct desk *desk, int far)
{
	struct msg_session_open open = { .end = far };
	pthread_mutex_lock(&o->lock);
	struct channel c = channel_of(o->fd, &desk->in, &desk->out);
	err e = o->fd >= 0 ? msg_send_session_open(&c, 0, &open) : FAIL(CLOSED);
	pthread_mutex_unlock(&o->lock);
	return e;
}

err session_open(struct session_opener *o, unsigned patience, struct desk *desk, struct channel *out)
{
	struct channel near;
	int far;
	TRY(session_prepare(patience, desk, &near, &far));
	err e = session_submit(o, desk, far);
	fd_close(&far);
	if (failed(e))
		channel_close(&near);
	else
		*out = near;
	return e;
}
