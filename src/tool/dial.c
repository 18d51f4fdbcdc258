/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/dial.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/cur.h"
#include "os/connect.h"
#include "os/fd.h"

enum { PATIENCE_MS = 15000, CONNECT_MS = 5000, OUT_MAX = 16 << 10, LINES_MAX = 10000 };

static bool fail(struct dial *d, const char *what, const char *why)
{
	snprintf(d->why, sizeof d->why, "%s: %s", what, why);
	d->code = 0;
	return false;
}

static int connected(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	int error = ETIMEDOUT;
	socklen_t size = sizeof error;
	if (poll(&p, 1, CONNECT_MS) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
		error = errno;
	return error;
}

bool dial_open(struct dial *d, const struct dial_to *to, uint16_t port, bool with_tls)
{
	*d = (struct dial){ .io = NULL };
	int fd = connect_begin(&to->address, port);
	int error = fd < 0 ? errno : connected(fd);
	if (error != 0) {
		fd_close(&fd);
		return fail(d, "cannot connect", strerror(error));
	}
	d->io = io_new(fd, DIAL_LINE_MAX, OUT_MAX);
	io_deadline(d->io, PATIENCE_MS);
	return !with_tls || dial_start_tls(d, to);
}

bool dial_start_tls(struct dial *d, const struct dial_to *to)
{
	d->tls = tls_connect(to->trust, io_fd(d->io), to->hostname);
	io_deadline(d->io, PATIENCE_MS);
	err e = io_start_layer(d->io, &tls_layer, d->tls);
	if (e.code == ERR_STATE)
		tls_free(&d->tls);
	return !failed(e) || fail(d, "TLS", e.code == ERR_TLS ? tls_failure(d->tls) : err_text(e));
}

void dial_close(struct dial *d) { io_free(&d->io); }

/* ---- SMTP ---- */

static void note_extension(struct dial *d, str line)
{
	str word = str_after(line, 4);
	d->offers_starttls = d->offers_starttls || str_eq_nocase(word, S("STARTTLS"));
	d->offers_auth = d->offers_auth || str_starts_nocase(word, S("AUTH "));
}

int smtp_reply(struct dial *d)
{
	uint64_t code = 0;
	str line;
	io_deadline(d->io, PATIENCE_MS);
	for (unsigned i = 0; i < LINES_MAX; i++) {
		err e = io_line(d->io, &line);
		if (failed(e) || failed(str_number(str_slice(line, 0, 3), 999, &code))) {
			(void)fail(d, "the connection is over", failed(e) ? err_text(e) : "this is no reply");
			return 0;
		}
		note_extension(d, line);
		if (line.n < 4 || line.p[3] != '-')
			break;
	}
	snprintf(d->text, sizeof d->text, "%.*s", ARG(line));
	snprintf(d->why, sizeof d->why, "it says \"%.200s\"", d->text);
	return d->code = (int)code;
}

int smtp_say(struct dial *d, const char *format, ...)
{
	char room[DIAL_TEXT_MAX * 2];
	va_list list;
	va_start(list, format);
	int n = vsnprintf(room, sizeof room, format, list);
	va_end(list);
	io_put(d->io, str_from(room, n < 0 ? 0 : (size_t)n < sizeof room ? (size_t)n : sizeof room - 1));
	io_put(d->io, S("\r\n"));
	wipe(room, sizeof room);
	return smtp_reply(d);
}

bool smtp_begin(struct dial *d, const char *hello)
{
	return smtp_reply(d) == 220 && smtp_say(d, "%s siegel-check.invalid", hello) == 250;
}

bool smtp_start_tls(struct dial *d, const struct dial_to *to)
{
	if (!d->offers_starttls)
		return fail(d, "STARTTLS", "it is not offered");
	if (smtp_say(d, "STARTTLS") != 220 || !dial_start_tls(d, to))
		return false;
	d->offers_auth = false;
	return smtp_say(d, "EHLO siegel-check.invalid") == 250;
}

/* ---- IMAP ---- */

/* RFC 3501 4.3: "{12}" at the end of a line. */
static bool announces_literal(str line, uint64_t *size)
{
	size_t at = str_find_last(line, '{');
	return at != STR_NONE && str_ends(line, S("}")) &&
	       !failed(str_number(str_slice(line, at + 1, line.n - 1), UINT32_MAX, size));
}

static err take_literal(struct dial *d, struct buf *to, uint64_t size)
{
	str some;
	while (size > 0) {
		TRY(io_bytes_some(d->io, size < DIAL_LINE_MAX ? (size_t)size : DIAL_LINE_MAX, &some));
		buf_add(to, some);
		size -= some.n;
	}
	return OK;
}

static void note_found(struct imap_answer *answer, str line)
{
	str word, rest = line;
	uint64_t number;
	if (!str_starts(line, S("* SEARCH")))
		return;
	while (str_word(&rest, ' ', &word))
		if (!failed(str_number(word, UINT32_MAX, &number)))
			answer->found = (uint32_t)number;
}

bool imap_say(struct dial *d, struct imap_answer *answer, const char *command)
{
	str line = NO_STR;
	uint64_t size;
	err e = OK;
	if (command != NULL) {
		io_put(d->io, S("a "));
		io_put(d->io, str_of(command));
		io_put(d->io, S("\r\n"));
	}
	io_deadline(d->io, PATIENCE_MS);
	for (unsigned i = 0; i < LINES_MAX && !failed(e = io_line(d->io, &line)); i++) {
		if (str_starts(line, S("a ")) || (command == NULL && str_starts(line, S("* OK"))))
			break;
		note_found(answer, line);
		if (announces_literal(line, &size) && failed(e = take_literal(d, &answer->literal, size)))
			break;
	}
	if (failed(e))
		return fail(d, "the connection is over", err_text(e));
	snprintf(d->text, sizeof d->text, "%.*s", ARG(line));
	snprintf(d->why, sizeof d->why, "it says \"%.200s\"", d->text);
	return str_starts(line, S("a OK")) || command == NULL;
}
