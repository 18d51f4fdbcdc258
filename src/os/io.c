/* SPDX-License-Identifier: Apache-2.0 */
/* The input buffer holds [from, to); everything before scanned has been searched for line ends, so that a peer who
 * sends byte by byte costs one look per byte. Reading is tried before polling: under load there
 * is always something to read. Only poll_until() blocks. Most sessions say little: buffers begin small, and become as large
 * as they may be when one was full. */
#include "os/io.h"

#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { LEAST_ROOM = 64, FIRST_ROOM = 4096, IO_OVERHEAD = 1024, NEVER = -1 };

struct io {
	struct arena *arena;
	int fd;
	const struct io_layer *layer; /* NULL: the descriptor itself */
	void *layer_context;
	int64_t deadline, ceiling; /* by clock_ms(); NEVER */
	char *in, *out;
	size_t in_max, out_max, in_room, out_room;
	bool in_was_full;
	size_t from, to, scanned; /* in the input buffer */
	size_t queued;            /* in the output buffer */
	err in_error, out_error;  /* final */
};

struct io *io_new(int fd, size_t in_max, size_t out_max)
{
	if (in_max < LEAST_ROOM)
		in_max = LEAST_ROOM;
	if (out_max < LEAST_ROOM)
		out_max = LEAST_ROOM;
	size_t in_room = in_max < FIRST_ROOM ? in_max : FIRST_ROOM,
	       out_room = out_max < FIRST_ROOM ? out_max : FIRST_ROOM;
	struct arena *a = arena_new("io", IO_OVERHEAD + in_room + out_room + in_max + out_max);
	struct io *io = NEW(a, struct io, 1);
	char *in = NEW(a, char, in_room), *out = NEW(a, char, out_room);
	/* The budget fits all three: only a machine without memory leads to this. */
	if (io == NULL || in == NULL || out == NULL)
		abort();
	*io = (struct io){ .arena = a,
		.fd = fd,
		.deadline = NEVER,
		.ceiling = NEVER,
		.in = in,
		.out = out,
		.in_max = in_max,
		.out_max = out_max,
		.in_room = in_room,
		.out_room = out_room };
	return io;
}

/* ERR_MEMORY: it stays as it is. */
static err enlarge(struct io *io, char **buffer, size_t *room, size_t max, size_t used)
{
	char *p = NEW(io->arena, char, max);
	if (p == NULL)
		return FAIL(MEMORY);
	if (used > 0)
		memcpy(p, *buffer, used);
	*buffer = p;
	*room = max;
	return OK;
}

static err enlarge_input(struct io *io) { return enlarge(io, &io->in, &io->in_room, io->in_max, io->to); }

/* Where it cannot be enlarged less is gathered before it leaves. */
static bool enlarge_output(struct io *io)
{
	return io->out_room < io->out_max && !failed(enlarge(io, &io->out, &io->out_room, io->out_max, io->queued));
}

static void close_layer(struct io *io)
{
	if (io->layer != NULL)
		io->layer->close(io->layer_context);
	io->layer = NULL;
}

void io_free(struct io **io)
{
	if (*io == NULL)
		return;
	close_layer(*io);
	fd_close(&(*io)->fd);
	struct arena *a = (*io)->arena;
	*io = NULL;
	arena_free(&a);
}

/* ---- time ---- */

static int64_t in_future(int64_t milliseconds) { return milliseconds < 0 ? NEVER : clock_ms() + milliseconds; }

void io_deadline(struct io *io, int64_t milliseconds) { io->deadline = in_future(milliseconds); }

void io_ceiling(struct io *io, int64_t milliseconds) { io->ceiling = in_future(milliseconds); }

static int64_t earlier(int64_t a, int64_t b)
{
	if (a == NEVER || b == NEVER)
		return a == NEVER ? b : a;
	return a < b ? a : b;
}

/* Polls until the given time. ERR_TIMEOUT or ERR_SYSTEM. */
static err poll_until(struct pollfd *polls, nfds_t count, int64_t time)
{
	for (;;) {
		int64_t left = -1;
		if (time != NEVER) {
			left = time - clock_ms();
			if (left < 0)
				left = 0;
			if (left > INT_MAX)
				left = INT_MAX;
		}
		int ready = poll(polls, count, (int)left);
		if (ready > 0)
			return OK;
		if (ready < 0 && errno != EINTR)
			return FAIL(SYSTEM);
		if (left == 0)
			return FAIL(TIMEOUT);
	}
}

static short wanted(const struct io *io, short plain)
{
	return io->layer != NULL ? io->layer->want(io->layer_context) : plain;
}

static err wait_until(struct io *io, short events, int64_t time)
{
	struct pollfd p = { .fd = io->fd, .events = wanted(io, events) };
	return poll_until(&p, 1, earlier(earlier(io->deadline, io->ceiling), time));
}

/* ---- output ---- */

static err write_some(struct io *io, str *rest)
{
	size_t put = 0;
	err e;
	for (;;) {
		e = io->layer != NULL ? io->layer->write(io->layer_context, rest->p, rest->n, &put)
				      : fd_write(io->fd, rest->p, rest->n, &put);
		if (e.code != ERR_AGAIN)
			break;
		TRY(wait_until(io, POLLOUT, NEVER));
	}
	TRY(e);
	*rest = str_after(*rest, put);
	return OK;
}

static err write_all(struct io *io, str text)
{
	while (text.n > 0)
		TRY(write_some(io, &text));
	return OK;
}

/* A write that failed half way cannot be repeated, so every failure here is final. */
err io_flush(struct io *io)
{
	if (!failed(io->out_error) && io->queued > 0) {
		io->out_error = write_all(io, (str){ io->out, io->queued });
		io->queued = 0;
	}
	return io->out_error;
}

void io_put(struct io *io, str text)
{
	if (failed(io->out_error) || text.n == 0)
		return;
	if (text.n > io->out_room - io->queued && !enlarge_output(io) && failed(io_flush(io)))
		return;
	if (text.n > io->out_room - io->queued && failed(io_flush(io)))
		return;
	if (text.n > io->out_room) {
		io->out_error = write_all(io, text);
		return;
	}
	memcpy(io->out + io->queued, text.p, text.n);
	io->queued += text.n;
}

void io_putf(struct io *io, const char *format, ...)
{
	for (int attempt = 0; attempt < 3 && !failed(io->out_error); attempt++) {
		size_t room = io->out_room - io->queued;
		va_list list;
		va_start(list, format);
		int length = vsnprintf(io->out + io->queued, room, format, list);
		va_end(list);
		if (length < 0 || (size_t)length >= io->out_max ||
			(attempt > 0 && (size_t)length >= io->out_room && io->queued == 0)) {
			io->out_error = FAIL(LIMIT);
		} else if ((size_t)length < room) {
			io->queued += (size_t)length;
			return;
		} else if (!enlarge_output(io)) {
			IGNORE(io_flush(io)); /* its failure is kept in out_error */
		}
	}
}

/* ---- input ---- */

size_t io_waiting(const struct io *io) { return io->to - io->from; }

/* Reads once, without blocking, into the free part of the buffer. */
static err read_some(struct io *io)
{
	size_t got = 0;
	TRY(io->in_error);
	if (io->from == io->to)
		io->from = io->to = io->scanned = 0;
	if (io->in_was_full && io->in_room < io->in_max) {
		io->in_error = enlarge_input(io);
		TRY(io->in_error);
	}
	if (io->to == io->in_room && io->from > 0) {
		memmove(io->in, io->in + io->from, io->to - io->from);
		io->to -= io->from;
		io->scanned -= io->from;
		io->from = 0;
	}
	char *room = io->in + io->to;
	size_t n = io->in_room - io->to;
	err e = io->layer != NULL ? io->layer->read(io->layer_context, room, n, &got) : fd_read(io->fd, room, n, &got);
	if (failed(e)) {
		if (e.code != ERR_AGAIN)
			io->in_error = e;
		return e;
	}
	io->to += got;
	io->in_was_full = io->to == io->in_room;
	return OK;
}

/* Reads at least one byte before the time given; the buffer has room. */
static err read_until(struct io *io, int64_t time)
{
	for (;;) {
		err e = read_some(io);
		if (e.code != ERR_AGAIN)
			return e;
		TRY(wait_until(io, POLLIN, time));
	}
}

static err fill(struct io *io)
{
	TRY(io->in_error);
	bool answered = io->queued > 0;
	TRY(io_flush(io));
	/* Whom we have just answered has not spoken yet: spare the read that would find nothing. */
	if (answered && io->layer == NULL)
		TRY(wait_until(io, POLLIN, NEVER));
	return read_until(io, NEVER);
}

static str take(struct io *io, size_t n)
{
	str bytes = { io->in + io->from, n };
	io->from += n;
	if (io->scanned < io->from)
		io->scanned = io->from;
	return bytes;
}

/* Searches the new part of the input. OK: *length is the line's; ERR_AGAIN: no line end yet; ERR_SYNTAX. */
static err find_line(struct io *io, size_t *length)
{
	const char *new = io->in + io->scanned;
	size_t n = io->to - io->scanned;
	const char *cr = n > 0 ? memchr(new, '\r', n) : NULL;
	size_t before = cr != NULL ? (size_t)(cr - new) : n;
	if (before > 0 && memchr(new, '\n', before) != NULL)
		return FAIL(SYNTAX);
	io->scanned += before;
	if (cr == NULL || before + 1 == n)
		return FAIL(AGAIN);
	if (cr[1] != '\n')
		return FAIL(SYNTAX);
	*length = io->scanned - io->from;
	return OK;
}

err io_line(struct io *io, str *line)
{
	size_t length = 0;
	for (;;) {
		err e = find_line(io, &length);
		if (!failed(e))
			break;
		if (e.code == ERR_AGAIN && io->to - io->from >= io->in_max)
			e = FAIL(LIMIT);
		if (e.code != ERR_AGAIN)
			return e;
		TRY(fill(io));
	}
	*line = (str){ take(io, length + 2).p, length };
	return OK;
}

err io_bytes(struct io *io, size_t n, str *bytes)
{
	if (n > io->in_max)
		return FAIL(LIMIT);
	while (io_waiting(io) < n)
		TRY(fill(io));
	*bytes = take(io, n);
	return OK;
}

err io_bytes_some(struct io *io, size_t max, str *bytes)
{
	if (io_waiting(io) == 0)
		TRY(fill(io));
	*bytes = take(io, io_waiting(io) < max ? io_waiting(io) : max);
	return OK;
}

void io_unread(struct io *io, size_t n)
{
	if (n > io->from)
		abort();
	io->from -= n;
	io->scanned = io->from;
}

bool io_has_input(struct io *io, int milliseconds)
{
	if (io_waiting(io) == 0)
		IGNORE(read_until(io, in_future(milliseconds))); /* a final error comes with the next read */
	return io_waiting(io) > 0;
}

err io_wait(struct io *io, int other, bool *other_ready)
{
	*other_ready = false;
	TRY(io_flush(io));
	while (io_waiting(io) == 0 && read_some(io).code == ERR_AGAIN && !*other_ready) {
		struct pollfd p[2] = { { .fd = io->fd, .events = wanted(io, POLLIN) },
			{ .fd = other, .events = POLLIN } };
		TRY(poll_until(p, 2, earlier(io->deadline, io->ceiling)));
		*other_ready = p[1].revents != 0;
	}
	return OK;
}

/* ---- layers, and giving the session away ---- */

err io_start_layer(struct io *io, const struct io_layer *functions, void *layer)
{
	if (io->layer != NULL || io_waiting(io) > 0)
		return FAIL(STATE);
	err e = io_flush(io);
	io->layer = functions;
	io->layer_context = layer;
	if (functions->start == NULL)
		return e;
	while (!failed(e)) {
		e = functions->start(layer);
		if (e.code != ERR_AGAIN)
			break;
		e = wait_until(io, POLLIN, NEVER);
	}
	if (failed(e))
		io->in_error = io->out_error = e;
	return e;
}

bool io_has_layer(const struct io *io) { return io->layer != NULL; }

err io_preload(struct io *io, str bytes)
{
	if (bytes.n > io->in_max - io->to)
		return FAIL(LIMIT);
	if (bytes.n > io->in_room - io->to)
		TRY(enlarge_input(io));
	if (bytes.n > 0)
		memcpy(io->in + io->to, bytes.p, bytes.n);
	io->to += bytes.n;
	io->in_was_full = io->to == io->in_room;
	return OK;
}

err io_take_fd(struct io **io, struct arena *a, str *leftover, int *fd)
{
	struct io *it = *io;
	if (it->layer != NULL)
		return FAIL(STATE);
	TRY(io_flush(it));
	str unread = arena_copy(a, (str){ it->in + it->from, io_waiting(it) });
	if (arena_spent(a))
		return FAIL(MEMORY);
	*leftover = unread;
	*fd = it->fd;
	it->fd = -1;
	io_free(io);
	return OK;
}

void io_finish(struct io **io, int milliseconds)
{
	struct io *it = *io;
	if (it == NULL)
		return;
	it->deadline = in_future(milliseconds);
	if (!failed(io_flush(it))) {
		close_layer(it);
		char dropped[512];
		size_t got;
		err e = OK;
		shutdown(it->fd, SHUT_WR);
		while ((!failed(e) || e.code == ERR_AGAIN) && !failed(wait_until(it, POLLIN, NEVER)))
			e = fd_read(it->fd, dropped, sizeof dropped, &got);
	}
	io_free(io);
}

int io_fd(const struct io *io) { return io->fd; }
