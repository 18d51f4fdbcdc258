/* SPDX-License-Identifier: Apache-2.0 */
/* A mail server that follows a script, a text of steps, one a line:
 *
 *     S text      says the line           H text   hears a line that must begin so
 *     B           hears a body to its dot, kept in body            D n   hears n octets, kept there too
 *     R text      says that, byte for byte (\r and \n as escapes)  T     takes over with TLS
 *     W n         waits n milliseconds    Z n      says endless bytes, n of them, one every 100 ms if n is 0
 *     E           hears everything that still comes, until the client hangs up
 *     A           takes one more connection, of which the rest speaks */
#pragma once
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "tls/server.h"

enum { HEARD_MAX = 1 << 16 };

struct server {
	int listener;
	uint16_t port;
	const char *script;
	pthread_t thread;
	struct tls_server *tls;
	char heard[HEARD_MAX], body[HEARD_MAX], complaint[400];
	size_t heard_n, body_n;
};

static void hear_line(struct server *w, struct io *io, const char *want)
{
	str line;
	err e = io_line(io, &line);
	int n = failed(e) ? snprintf(w->heard + w->heard_n, HEARD_MAX - w->heard_n, "<%s>\n", err_text(e))
			  : snprintf(w->heard + w->heard_n, HEARD_MAX - w->heard_n, "%.*s\n", ARG(line));
	w->heard_n += (size_t)n;
	if ((failed(e) || !str_starts(line, str_of(want))) && w->complaint[0] == '\0')
		snprintf(w->complaint, sizeof w->complaint, "wanted %s, heard %s", want, w->heard + w->heard_n - n);
}

static void hear_body(struct server *w, struct io *io)
{
	str line;
	while (!failed(io_line(io, &line)) && !str_eq(line, S(".")))
		w->body_n += (size_t)snprintf(w->body + w->body_n, HEARD_MAX - w->body_n, "%.*s\n", ARG(line));
}

static void say_raw(struct io *io, const char *text)
{
	for (; *text != '\0'; text++) {
		const bool escape = text[0] == '\\';
		const char c = !escape ? *text : text[1] == 'r' ? '\r' : '\n';
		io_put(io, (str){ &c, 1 });
		text += escape;
	}
	IGNORE(io_flush(io));
}

static void say_endlessly(struct io *io, unsigned long count)
{
	for (unsigned long i = 0; count == 0 ? i < 100 : i < count; i++) {
		io_put(io, S("x"));
		if (count == 0) {
			if (failed(io_flush(io)))
				return;
			usleep(100000);
		}
	}
	IGNORE(io_flush(io));
}

static void hear_octets(struct server *w, struct io *io, size_t n)
{
	str bytes;
	while (n > 0 && !failed(io_bytes_some(io, n, &bytes))) {
		memcpy(w->body + w->body_n, bytes.p, bytes.n);
		w->body_n += bytes.n;
		n -= bytes.n;
	}
}

static struct io *take_call(struct server *w)
{
	int fd = accept(w->listener, NULL, NULL);
	struct io *io = io_new(fd, 4096, 4096);
	io_deadline(io, 15000);
	return io;
}

static void *serve(void *to)
{
	struct server *w = to;
	struct io *io = take_call(w);
	str rest = str_of(w->script), step;
	char text[600];
	while (str_word(&rest, '\n', &step)) {
		snprintf(text, sizeof text, "%.*s", ARG(str_after(step, 2)));
		switch (step.n > 0 ? step.p[0] : ' ') {
		case 'S':
			io_putf(io, "%s\r\n", text);
			IGNORE(io_flush(io));
			break;
		case 'H':
			hear_line(w, io, text);
			break;
		case 'B':
			hear_body(w, io);
			break;
		case 'D':
			hear_octets(w, io, strtoul(text, NULL, 10));
			break;
		case 'R':
			say_raw(io, text);
			break;
		case 'T':
			IGNORE(io_start_layer(io, &tls_layer, tls_accept(w->tls, io_fd(io))));
			break;
		case 'W':
			usleep((unsigned)strtoul(text, NULL, 10) * 1000);
			break;
		case 'Z':
			say_endlessly(io, strtoul(text, NULL, 10));
			break;
		case 'E':
			while (!failed(io_line(io, &step)))
				;
			break;
		case 'A':
			io_free(&io);
			io = take_call(w);
			break;
		default:
			break;
		}
	}
	io_free(&io);
	return NULL;
}

static void server_listen(struct server *w)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w->listener, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(w->listener, 8), 0);
	assert_int_equal(getsockname(w->listener, (struct sockaddr *)&a, &n), 0);
	w->port = ntohs(a.sin_port);
}
