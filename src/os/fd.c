/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fd.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void fd_close(int *fd)
{
	int kept = errno;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = kept;
}

static err set_flag(int fd, int get, int set, int flag, bool on)
{
	int flags = fcntl(fd, get);
	if (flags < 0 || fcntl(fd, set, on ? flags | flag : flags & ~flag) < 0)
		return FAIL(SYSTEM);
	return OK;
}

err fd_set_nonblocking(int fd, bool nonblocking) { return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, nonblocking); }

err fd_set_close_on_exec(int fd, bool close_on_exec)
{
	return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, close_on_exec);
}

err fd_reserve(unsigned n)
{
	int first = eventfd(0, EFD_CLOEXEC);
	if (first < 0)
		return FAIL(SYSTEM);
	int last = fcntl(first, F_DUPFD_CLOEXEC, (int)n - 1);
	err e = last < 0 ? FAIL(SYSTEM) : OK;
	fd_close(&last);
	fd_close(&first);
	return e;
}

static err why(void)
{
	switch (errno) {
	case EAGAIN:
	case EINTR:
		return FAIL(AGAIN);
	case EPIPE:
	case ECONNRESET:
	case ECONNABORTED:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENOTCONN:
		return FAIL(CLOSED);
	default:
		return FAIL(SYSTEM);
	}
}

/* What is no socket may be in blocking mode. */
static bool ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	return poll(&p, 1, 0) > 0;
}

err fd_read(int fd, void *p, size_t n, size_t *got)
{
	ssize_t r = recv(fd, p, n, MSG_DONTWAIT);
	if (r < 0 && errno == ENOTSOCK) {
		if (!ready(fd, POLLIN))
			return FAIL(AGAIN);
		r = read(fd, p, n);
	}
	if (r < 0)
		return why();
	if (r == 0)
		return FAIL(CLOSED);
	*got = (size_t)r;
	return OK;
}

err fd_write(int fd, const void *p, size_t n, size_t *put)
{
	ssize_t r = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (r < 0 && errno == ENOTSOCK) {
		if (!ready(fd, POLLOUT))
			return FAIL(AGAIN);
		r = write(fd, p, n < PIPE_BUF ? n : PIPE_BUF);
	}
	if (r < 0)
		return why();
	*put = (size_t)r;
	return OK;
}

err fd_read_file(int fd, size_t longest, struct arena *a, str *out)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return FAIL(SYSTEM);
	if (st.st_size < 0 || (uint64_t)st.st_size > longest)
		return FAIL(LIMIT);
	size_t size = (size_t)st.st_size, n = 0;
	char *p = NEW(a, char, size + 1);
	if (p == NULL)
		return FAIL(MEMORY);
	while (n < size) {
		ssize_t got = pread(fd, p + n, size - n, (off_t)n);
		if (got < 0 && errno != EINTR)
			return FAIL(SYSTEM);
		if (got == 0)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	*out = str_from(p, n);
	return OK;
}
