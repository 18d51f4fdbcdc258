/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "os/clock.h"
#include "os/connect.h"
#include "os/fd.h"
#include "proto/http/response.h"
#include "role/fetcher/fetcher.h"
#include "trust/reach.h"

enum {
	ADDRESSES_MAX = 4,
	CONNECT_MS = 10000,
	HEADER_MAX = 32 << 10,
	PIECE_MAX = 8 << 10,
	OUT_MAX = 4 << 10,
	HOST_ROOM = 256,
};

static err __attribute__((format(printf, 3, 4))) refuse(struct fetch *f, err e, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	vsnprintf(f->reason, sizeof f->reason, format, list);
	va_end(list);
	for (char *p = f->reason; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	return e;
}

static int64_t left(const struct fetch *f)
{
	int64_t now = clock_ms();
	return f->deadline > now ? f->deadline - now : 0;
}

/* ---- addresses ---- */

/* One of each kind in turn, so that a way that does not lead anywhere is left soon. */
static size_t choose(const struct dns_answer answers[2], struct address *out)
{
	size_t n = 0;
	for (size_t i = 0; n < ADDRESSES_MAX && (i < answers[0].count || i < answers[1].count); i++)
		for (size_t kind = 0; kind < 2 && n < ADDRESSES_MAX; kind++)
			if (i < answers[kind].count)
				out[n++] = answers[kind].records[i].address;
	return n;
}

static err look_up(struct fetch *f, struct address *out, size_t *count)
{
	const struct dns_question questions[] = { { f->host, DNS_AAAA }, { f->host, DNS_A } };
	struct dns_answer answers[2];
	TRY(dns_ask(f->dns, questions, 2, (unsigned)left(f), f->arena, answers));
	*count = choose(answers, out);
	if (*count > 0)
		return OK;
	return refuse(f, FAIL(ABSENT), "%.*s has no address: %s, %s", ARG(f->host),
		dns_outcome_name(answers[0].outcome), dns_outcome_name(answers[1].outcome));
}

/* A foreign domain must not send us to the machines of our own house. */
static bool is_allowed(struct fetch *f, const struct address *a)
{
	const char *what = address_unreachable(a);
	if (what == NULL || f->fetcher->service->conf->sender.allow_private_destinations)
		return true;
	(void)refuse(f, OK, "%.*s has a %s address", ARG(f->host), what);
	return false;
}

/* ---- connecting ---- */

static err connect_to(struct fetch *f, const struct address *a, int *out)
{
	int error = 0;
	socklen_t size = sizeof error;
	int fd = connect_begin(a, (uint16_t)f->fetcher->service->conf->sender.https_port);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int64_t patience = left(f) < CONNECT_MS ? left(f) : CONNECT_MS;
	if (fd >= 0 && poll(&p, 1, (int)patience) != 1)
		error = ETIMEDOUT;
	else if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	if (error != 0) {
		fd_close(&fd);
		return refuse(f, FAIL(CLOSED), "%.*s: %s", ARG(f->host), strerrordesc_np(error));
	}
	*out = fd;
	return OK;
}

/* ---- asking ---- */

/* Until the answer is complete. What is longer than it may be is as good as none. */
static err read_answer(struct fetch *f, struct io *io, struct http_response *out)
{
	struct buf whole = buf_in(f->arena, f->longest + HEADER_MAX);
	err e = FAIL(AGAIN);
	while (e.code == ERR_AGAIN) {
		str piece = NO_STR;
		err input = io_bytes_some(io, PIECE_MAX, &piece);
		if (failed(input) && input.code != ERR_CLOSED)
			return refuse(f, input, "%.*s: %s", ARG(f->host), err_text(input));
		buf_add(&whole, piece);
		if (whole.lost)
			return refuse(f, FAIL(LIMIT), "%.*s: the answer is too long", ARG(f->host));
		e = http_response_parse(buf_str(&whole), failed(input), f->arena, out);
	}
	return failed(e) ? refuse(f, e, "%.*s: this is no answer of HTTP", ARG(f->host)) : OK;
}

static err converse(struct fetch *f, struct io *io)
{
	struct http_response response = { 0 };
	io_putf(io,
		"GET %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: Siegel\r\nAccept: text/plain\r\nConnection: "
		"close\r\n\r\n",
		ARG(f->path), ARG(f->host));
	err e = io_flush(io);
	if (failed(e))
		return refuse(f, e, "%.*s: %s", ARG(f->host), err_text(e));
	TRY(read_answer(f, io, &response));
	if (response.body.n > f->longest)
		return refuse(f, FAIL(LIMIT), "%.*s: the answer is too long", ARG(f->host));
	f->status = response.status;
	f->media_type = response.media_type;
	f->body = response.body;
	return OK;
}

/* fd is given away. */
static err fetch_over(struct fetch *f, int fd)
{
	char host[HOST_ROOM];
	snprintf(host, sizeof host, "%.*s", ARG(f->host));
	struct io *io = io_new(fd, PIECE_MAX * 2, OUT_MAX);
	struct tls *tls = tls_connect(f->fetcher->trust, fd, host);
	io_deadline(io, left(f));
	err e = io_start_layer(io, &tls_layer, tls);
	if (failed(e)) {
		f->untrusted = e.code == ERR_TLS && tls_is_doubted(tls);
		(void)refuse(f, e, "%s: %s", host, e.code == ERR_TLS ? tls_failure(tls) : err_text(e));
	} else
		e = converse(f, io);
	io_free(&io);
	return e;
}

/* The next address is tried where one did not even get as far as TLS; who answers wrongly has answered. */
err fetch_run(struct fetch *f)
{
	struct address addresses[ADDRESSES_MAX];
	size_t count;
	int fd = -1;
	err e = look_up(f, addresses, &count);
	if (failed(e))
		return e;
	for (size_t i = 0; i < count && fd < 0; i++) {
		e = is_allowed(f, &addresses[i]) ? connect_to(f, &addresses[i], &fd) : FAIL(DENIED);
		if (!failed(e))
			return fetch_over(f, fd);
	}
	return e;
}
