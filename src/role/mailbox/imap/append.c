/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND. A small message waits in memory until it is whole, a large one in a file without a name. */
#include "proto/imap/append.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/fd.h"
#include "proto/imap/frame.h"
#include "proto/mime/imap_text.h"
#include "role/mailbox/imap/session.h"

enum {
	IN_MEMORY_MAX = 256 << 10,
	PARSE_BUDGET = MIME_ARENA + (2 << 20),
	PIECE = 64 << 10,
	NAME_ROOM = 40,
};

/* A message that is coming in. */
struct upload {
	struct arena *arena;
	uint64_t size, got;
	char *memory; /* small, or the file's */
	int fd;       /* -1: in memory */
	bool is_mapped;
	err e; /* sticks: after it the rest is read and forgotten */
};

static void open_upload(struct upload *u, uint64_t size, uint32_t session)
{
	*u = (struct upload){ .arena = arena_new("append", PARSE_BUDGET), .size = size, .fd = -1, .e = OK };
	if (size <= IN_MEMORY_MAX) {
		u->memory = NEW(u->arena, char, (size_t)size + 1);
		return;
	}
	char name[NAME_ROOM];
	struct buf b = BUF_ON(name);
	buf_addf(&b, "append-%u.tmp%c", session, '\0');
	unlink(name); /* a crash may have left one */
	u->fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (u->fd < 0)
		u->e = FAIL(DISK_FULL);
	else
		unlink(name);
}

static void take(struct upload *u, str bytes)
{
	if (!failed(u->e) && u->fd < 0)
		memcpy(u->memory + u->got, bytes.p, bytes.n);
	for (size_t at = 0; !failed(u->e) && u->fd >= 0 && at < bytes.n;) {
		ssize_t n = write(u->fd, bytes.p + at, bytes.n - at);
		if (n <= 0)
			u->e = FAIL(DISK_FULL);
		else
			at += (size_t)n;
	}
	u->got += bytes.n;
}

static str whole(struct upload *u)
{
	if (!failed(u->e) && u->fd >= 0) {
		void *map = mmap(NULL, (size_t)u->size, PROT_READ, MAP_PRIVATE, u->fd, 0);
		u->is_mapped = map != MAP_FAILED;
		u->memory = u->is_mapped ? map : NULL;
		if (!u->is_mapped)
			u->e = FAIL(MEMORY);
	}
	return (str){ u->memory, (size_t)u->size };
}

static void close_upload(struct upload *u)
{
	if (u->is_mapped)
		munmap(u->memory, (size_t)u->size);
	fd_close(&u->fd);
	arena_free(&u->arena);
}

bool session_is_over_quota(const struct imap_session *s, uint64_t size)
{
	uint64_t max = atomic_load(&s->mailbox->bytes_max), spooled = atomic_load(&s->mailbox->spooled), used, messages;
	account_usage(s->account, &used, &messages);
	return max > 0 && (size > max || used + spooled > max - size);
}

/* What can be refused before the message is sent. */
static bool refuse(struct imap_session *s, const struct imap_append *a, struct reply *out)
{
	struct folder_status status;
	err e = account_folder(s->account, a->mailbox, &status);
	if (e.code == ERR_ABSENT || (!failed(e) && status.is_container))
		*out = REPLY_NO("[TRYCREATE] there is no such mailbox");
	else if (failed(e))
		*out = reply_failed(s, e);
	else if (a->message.size > s->mailbox->service->conf->mailbox.append_max)
		*out = REPLY_NO("[TOOBIG] the message is too large");
	else if (a->message.size == 0)
		*out = REPLY_NO("[CANNOT] a message has at least one byte");
	else if (a->message.is_binary)
		*out = REPLY_BAD("binary literals are not known here");
	else if (session_is_over_quota(s, a->message.size))
		*out = REPLY_NO("[OVERQUOTA] the account is full");
	else
		return false;
	return true;
}

static err receive(struct imap_session *s, const struct imap_append *a, struct upload *u)
{
	if (a->message.is_waiting)
		io_put(s->io, S("+ go ahead\r\n"));
	while (u->got < u->size) {
		str bytes;
		uint64_t left = u->size - u->got;
		session_patience(s);
		TRY(io_bytes_some(s->io, left < PIECE ? (size_t)left : PIECE, &bytes));
		take(u, bytes);
	}
	return OK;
}

static err store(struct imap_session *s, const struct imap_append *a, struct upload *u, struct buf *answer)
{
	struct new_message m = {
		.text = whole(u),
		.flags = a->flags.system,
		.keywords = a->flags.keywords,
		.keyword_count = a->flags.count,
		.seconds = a->has_date ? a->date.seconds : clock_utc_seconds(),
		.zone_minutes = a->has_date ? a->date.zone_minutes : 0,
	};
	struct message_parts parts;
	uint32_t uidvalidity, uid;
	TRY(u->e);
	TRY(describe(u->arena, m.text, &parts));
	m.parts = &parts;
	TRY(account_append(s->account, a->mailbox, &m, &uidvalidity, &uid));
	TRY(account_sync(s->account));
	buf_addf(answer, "[APPENDUID %u %u] done", uidvalidity, uid);
	return OK;
}

static struct reply finish(struct imap_session *s, const struct imap_append *a, struct upload *u)
{
	struct buf answer = buf_in(s->command, 100);
	err e = store(s, a, u, &answer);
	if (e.code == ERR_ABSENT)
		return REPLY_NO("[TRYCREATE] there is no such mailbox");
	return failed(e) ? reply_failed(s, e) : reply_text(&answer);
}

err session_append(struct imap_session *s, const struct imap_frame_step *step, struct reply *out, bool *was_read)
{
	struct imap_command c;
	struct imap_append append;
	struct upload upload;
	str rest;
	*was_read = false;
	if (failed(imap_command_parse(step->text, &c))) {
		*out = REPLY_BAD("a command is a tag, a name and its arguments");
		return OK;
	}
	struct cur cur = cur_of(c.args);
	err e = imap_append_parse(&cur, s->command, &append);
	if (failed(e)) {
		*out = reply_bad(s, e, &cur);
		return OK;
	}
	if (refuse(s, &append, out))
		return OK;
	open_upload(&upload, append.message.size, s->number);
	e = receive(s, &append, &upload);
	if (!failed(e))
		e = io_line(s->io, &rest);
	*was_read = !failed(e);
	if (!failed(e))
		*out = rest.n > 0 ? REPLY_BAD("one message at a time") : finish(s, &append, &upload);
	close_upload(&upload);
	return e;
}
