/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/submit.h"

#include "os/fd.h"
#include "proto/smtp/outgoing.h"
#include "proto/smtp/reply.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { IN_ROOM = 8192, OUT_ROOM = 64 << 10, COMMAND_ROOM = 4096, PIECE = 8192, PATIENCE_MS = 300000 };

static void say_why(struct submit *s, const char *why)
{
	s->code = 0;
	snprintf(s->text, sizeof s->text, "%s", why);
}

/* The way through /proc, since the path of an installation may be longer than a socket's address. */
int submit_connect(struct submit *s, const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	char folder[PATH_MAX];
	str whole = str_of(path);
	size_t slash = str_find_last(whole, '/');
	struct buf b = BUF_ON(folder);
	buf_add(&b, slash == STR_NONE ? S(".") : str_slice(whole, 0, slash + 1));
	buf_byte(&b, '\0');
	int parent = b.lost ? -1 : open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int n = snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%s", parent,
		slash == STR_NONE ? path : path + slash + 1);
	int fd = parent >= 0 && n > 0 && (size_t)n < sizeof to.sun_path ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)
									: -1;
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
		fd_close(&fd);
	if (fd < 0)
		say_why(s, errno == ENOENT || errno == ECONNREFUSED ? "the mail server does not run"
			   : errno == EACCES                        ? "this user may not send mail here"
								    : strerror(errno));
	fd_close(&parent);
	return fd;
}

static void note_domain(struct submit *s, str line)
{
	str word = str_after(line, 4);
	if (str_starts_nocase(word, S("XDOMAIN ")) && word.n - 8 < sizeof s->domain)
		snprintf(s->domain, sizeof s->domain, "%.*s", ARG(str_after(word, 8)));
}

static int read_reply(struct submit *s)
{
	struct smtp_reply_reader r;
	char room[SUBMIT_TEXT_MAX / 2];
	str line;
	smtp_reply_start(&r, room, sizeof room);
	io_deadline(s->io, PATIENCE_MS);
	while (!r.done) {
		err e = io_line(s->io, &line);
		if (!failed(e))
			e = smtp_reply_line(&r, line);
		if (failed(e)) {
			say_why(s, "the mail server ended the conversation");
			return 0;
		}
		note_domain(s, line);
	}
	snprintf(s->text, sizeof s->text, "%.*s%s%.*s", ARG(r.reply.enhanced), r.reply.enhanced.n > 0 ? " " : "",
		ARG(r.reply.text));
	return s->code = r.reply.code;
}

int submit_say(struct submit *s, const char *format, ...)
{
	char room[COMMAND_ROOM];
	va_list list;
	va_start(list, format);
	int n = vsnprintf(room, sizeof room, format, list);
	va_end(list);
	str command = str_from(room, n > 0 ? (size_t)n : 0);
	if (n <= 0 || (size_t)n >= sizeof room || str_find(command, '\n') != STR_NONE ||
		str_find(command, '\r') != STR_NONE) {
		say_why(s, "an address is too long, or holds a line end");
		return 0;
	}
	io_put(s->io, command);
	io_put(s->io, S("\r\n"));
	return read_reply(s);
}

bool submit_begin(struct submit *s, const char *path)
{
	int fd = submit_connect(s, path);
	if (fd < 0)
		return false;
	s->io = io_new(fd, IN_ROOM, OUT_ROOM);
	return read_reply(s) == 220 && submit_say(s, "EHLO localhost") == 250;
}

/* Every line end becomes CRLF; a CR elsewhere leaves as a blank (see outgoing.h). */
static void put_lines(struct submit *s, struct smtp_outgoing *o, str text)
{
	char room[2 * PIECE + 64];
	while (text.n > 0) {
		struct buf b = BUF_ON(room);
		size_t lf = str_find(str_slice(text, 0, PIECE), '\n');
		str line = str_slice(text, 0, lf == STR_NONE ? PIECE : lf);
		if (lf == STR_NONE && line.n < text.n && str_ends(line, S("\r")))
			line.n--; /* it may belong to the line's end */
		text = str_after(text, lf == STR_NONE ? line.n : line.n + 1);
		if (lf != STR_NONE && str_ends(line, S("\r")))
			line.n--;
		smtp_outgoing_add(o, line, &b);
		if (lf != STR_NONE)
			smtp_outgoing_add(o, S("\r\n"), &b);
		io_put(s->io, buf_str(&b));
	}
}

int submit_message(struct submit *s, const str *parts, size_t count)
{
	struct smtp_outgoing o = smtp_outgoing_start(true);
	char room[64];
	struct buf b = BUF_ON(room);
	if (submit_say(s, "DATA") != 354)
		return s->code;
	for (size_t i = 0; i < count; i++) {
		io_deadline(s->io, PATIENCE_MS);
		put_lines(s, &o, parts[i]);
	}
	smtp_outgoing_end(&o, &b);
	buf_add(&b, S(".\r\n"));
	io_put(s->io, buf_str(&b));
	return read_reply(s);
}

void submit_end(struct submit *s)
{
	if (s->io != NULL && s->code != 0)
		(void)submit_say(s, "QUIT");
	io_free(&s->io);
}
