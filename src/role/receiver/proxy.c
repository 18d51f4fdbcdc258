/* SPDX-License-Identifier: Apache-2.0 */
/* The header of the PROXY protocol in front of a connection of a proxy. It is read from the socket byte for byte: what
 * stands behind it may be a TLS handshake. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "os/clock.h"
#include "proto/proxy/header.h"
#include "role/receiver/receiver.h"

enum { PATIENCE_MS = 5000 };

static err read_exactly(int fd, char *p, size_t n, int64_t until)
{
	while (n > 0) {
		struct pollfd watched = { .fd = fd, .events = POLLIN };
		int64_t left = until - clock_ms();
		if (left <= 0)
			return FAIL(TIMEOUT);
		if (poll(&watched, 1, (int)left) <= 0)
			continue;
		ssize_t got = recv(fd, p, n, MSG_DONTWAIT);
		if (got == 0)
			return FAIL(CLOSED);
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return FAIL(SYSTEM);
		p += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
	return OK;
}

static err read_header(int fd, struct proxy_header *out)
{
	char room[PROXY_START + PROXY_REST_MAX];
	const int64_t until = clock_ms() + PATIENCE_MS;
	size_t rest = 0;
	TRY(read_exactly(fd, room, PROXY_START, until));
	TRY(proxy_header_rest(str_from(room, PROXY_START), &rest));
	TRY(read_exactly(fd, room + PROXY_START, rest, until));
	return proxy_header_parse(str_from(room, PROXY_START + rest), out);
}

/* NULL, or why not. */
static const char *take_header(struct caller *c)
{
	struct proxy_header h;
	if (failed(read_header(c->fd, &h)))
		return "a connection from this address begins with a header of the PROXY protocol, version 2";
	if (h.is_local)
		return caller_readmit(c, &c->address);
	const char *reason = caller_readmit(c, &h.source);
	if (reason == NULL) {
		c->port = h.source_port;
		c->is_proxied = true;
	}
	return reason;
}

void *receive_proxied(void *to)
{
	struct caller *c = to;
	const char *reason = take_header(c);
	if (reason == NULL)
		return receive_mail(c);
	caller_turn_away(c, reason);
	caller_free(c);
	return NULL;
}
