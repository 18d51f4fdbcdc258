/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/channel.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "ipc_version.h"

struct channel channel_of(int fd, struct frame *in, struct frame *out)
{
	return (struct channel){ .fd = fd, .in = in, .out = out };
}

struct channel channel_waiting(int fd, unsigned patience, struct frame *in, struct frame *out)
{
	struct timeval limit = { .tv_sec = patience / 1000, .tv_usec = patience % 1000 * 1000 };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	return (struct channel){ .fd = fd, .waits = true, .patience = patience, .in = in, .out = out };
}

void channel_close(struct channel *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

err channel_pair(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0 ? OK : FAIL(SYSTEM);
}

static void write_header(struct frame *f)
{
	const uint16_t version = IPC_VERSION;
	memcpy(f->bytes, &version, 2);
	memcpy(f->bytes + 2, &f->number, 2);
	memcpy(f->bytes + 4, &f->tag, 4);
}

/* Nearly always there is room, so it is not asked for first. Room for a part of a frame is no room, but the next to come is:
 * the kernel says so when three quarters are free. */
static bool wait_for_room(const struct channel *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLOUT };
	return c->waits && poll(&p, 1, (int)c->patience) > 0;
}

err channel_send(struct channel *c)
{
	struct frame *f = c->out;
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * FRAME_FDS)];
	} control = { 0 };
	TRY(frame_end(f));
	if (c->fd < 0)
		return FAIL(CLOSED);
	write_header(f);
	struct iovec part = { f->bytes, f->n };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
	if (f->fds_count > 0) {
		m.msg_control = control.room;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * f->fds_count);
		struct cmsghdr *head = CMSG_FIRSTHDR(&m);
		head->cmsg_level = SOL_SOCKET;
		head->cmsg_type = SCM_RIGHTS;
		head->cmsg_len = CMSG_LEN(sizeof(int) * f->fds_count);
		memcpy(CMSG_DATA(head), f->fds, sizeof(int) * f->fds_count);
	}
	ssize_t sent;
	do
		sent = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && (errno == EINTR || (errno == EAGAIN && wait_for_room(c))));
	if (sent == (ssize_t)f->n)
		return OK;
	if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS || errno == ETOOMANYREFS))
		return FAIL(BUSY);
	return sent < 0 && errno != EPIPE && errno != ECONNRESET && errno != ENOTCONN ? FAIL(SYSTEM) : FAIL(CLOSED);
}

/* Takes all descriptors out of the control data; those above what a frame may carry are closed. */
static bool take_descriptors(struct frame *f, struct msghdr *m)
{
	bool fits = (m->msg_flags & MSG_CTRUNC) == 0;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(m); head != NULL; head = CMSG_NXTHDR(m, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
			if (f->fds_count < FRAME_FDS) {
				f->fds[f->fds_count++] = fd;
			} else {
				close(fd);
				fits = false;
			}
		}
	}
	return fits;
}

static err read_header(struct frame *f, bool whole)
{
	uint16_t version;
	if (!whole || f->n < FRAME_HEADER) {
		frame_drop(f);
		return FAIL(SYNTAX);
	}
	memcpy(&version, f->bytes, 2);
	memcpy(&f->number, f->bytes + 2, 2);
	memcpy(&f->tag, f->bytes + 4, 4);
	f->at = FRAME_HEADER;
	if (version == IPC_VERSION)
		return OK;
	frame_drop(f);
	return FAIL(UNSUPPORTED);
}

err channel_receive(struct channel *c)
{
	struct frame *f = c->in;
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int) * FRAME_FDS)];
	} control;
	struct iovec part = { f->bytes, FRAME_MAX };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room
	};
	frame_begin(f, 0, 0);
	ssize_t got;
	do
		got = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC | (c->waits ? 0 : MSG_DONTWAIT));
	while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return c->waits ? FAIL(TIMEOUT) : FAIL(AGAIN);
	if (got < 0)
		return FAIL(CLOSED);
	f->n = (size_t)got;
	bool fits = take_descriptors(f, &m);
	if (got == 0) {
		frame_drop(f); /* an empty datagram looks like the end, but can carry descriptors */
		return FAIL(CLOSED);
	}
	return read_header(f, fits && (m.msg_flags & MSG_TRUNC) == 0);
}
