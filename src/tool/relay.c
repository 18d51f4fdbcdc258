/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/relay.h"

#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		p += put;
		n -= (size_t)put;
	}
	return true;
}

/* 1: some bytes; 0: the end; -1: it broke off. */
static int carry(int from, int to)
{
	char room[16 << 10];
	ssize_t n = read(from, room, sizeof room);
	if (n < 0)
		return errno == EINTR ? 1 : -1;
	return n == 0 ? 0 : write_all(to, room, (size_t)n) ? 1 : -1;
}

bool relay_bytes(int fd)
{
	struct pollfd watched[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	int server = 1;
	while (server > 0) {
		if (poll(watched, 2, -1) < 0 && errno != EINTR)
			break;
		if (watched[0].revents != 0 && carry(STDIN_FILENO, fd) <= 0) {
			watched[0].fd = -1;
			shutdown(fd, SHUT_WR);
		}
		if (watched[1].revents != 0)
			server = carry(fd, STDOUT_FILENO);
		watched[0].revents = watched[1].revents = 0;
	}
	fd_close(&fd);
	return server == 0;
}
