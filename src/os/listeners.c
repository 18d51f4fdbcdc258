/* SPDX-License-Identifier: Apache-2.0 */
#include "os/listeners.h"

#include <errno.h>
#include <poll.h>

#include "os/fd.h"

enum { ACCEPTS_AT_ONCE = 16, TIRED_MS = 100 };

static void on_connection(void *to, uint32_t events)
{
	const struct listener *l = to;
	(void)events;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_storage from = { .ss_family = AF_UNSPEC };
		socklen_t length = sizeof from;
		int fd = accept4(
			l->fd, (struct sockaddr *)&from, &length, SOCK_CLOEXEC | (l->all->waits ? 0 : SOCK_NONBLOCK));
		if (fd >= 0) {
			l->all->admit(l->all->to, l->kind, fd, &from);
			continue;
		}
		/* Without descriptors the listener would wake us for ever: the connections that end make room again. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			poll(NULL, 0, TIRED_MS);
		return;
	}
}

void listeners_add(struct listeners *l, int fd, const void *kind)
{
	if (l->count == LISTENERS_MAX) {
		fd_close(&fd);
		return;
	}
	IGNORE(fd_set_nonblocking(fd, true)); /* the supervisor made it so */
	l->items[l->count++] = (struct listener){ .all = l, .fd = fd, .kind = kind };
}

err listeners_open(struct listeners *l, struct loop *loop)
{
	for (size_t i = 0; i < l->count; i++) {
		struct listener *one = &l->items[i];
		TRY(loop_add(loop, &one->watch, one->fd, EPOLLIN | EPOLLEXCLUSIVE, on_connection, one));
	}
	return OK;
}

void listeners_close(struct listeners *l, struct loop *loop)
{
	for (size_t i = 0; i < l->count; i++) {
		loop_remove(loop, &l->items[i].watch);
		fd_close(&l->items[i].fd);
	}
	l->count = 0;
}
