/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and MOVE (RFC 6851 3.1), with COPYUID (RFC 4315 3). */
#include "proto/imap/copy.h"

#include "role/mailbox/imap/session.h"

enum { COPYUID_BUDGET = 64 << 20, UID_TEXT = 22, ROWS_AT_ONCE = 256 };

struct copying {
	struct imap_copy copy;
	struct arena *arena; /* of the result */
	struct copy_result r;
	bool is_over_quota;
};

/* "COPYUID validity from to"; nothing when nothing was copied. */
static err write_copyuid(struct buf *b, const struct copy_result *r)
{
	struct imap_sequence_writer w = { 0 };
	buf_addf(b, "[COPYUID %u ", r->uidvalidity);
	imap_write_sequence(b, r->from, r->copied);
	buf_byte(b, ' ');
	for (size_t i = 0; i < r->copied; i++)
		imap_write_sequence_add(b, &w, r->first + (uint32_t)i);
	imap_write_sequence_end(b, &w);
	buf_add(b, S("]"));
	return b->lost ? FAIL(MEMORY) : OK;
}

static struct reply copied(
	struct imap_session *s, const struct imap_command *c, const struct copy_result *r, struct arena *arena)
{
	struct buf b = buf_in(arena, r->copied * UID_TEXT + 200);
	bool is_move = c->id == IMAP_MOVE;
	err e = account_sync(s->account);
	if (failed(e))
		return reply_failed(s, e);
	if (r->copied == 0)
		return REPLY_OK("there was nothing to copy");
	if (failed(write_copyuid(&b, r)))
		return REPLY_OK("done");
	/* RFC 6851 4.3: of MOVE it comes before the EXPUNGEs. */
	io_put(s->io, is_move ? S("* OK ") : NO_STR);
	if (is_move) {
		io_put(s->io, buf_str(&b));
		io_put(s->io, S(" moved\r\n"));
		return REPLY_OK("done");
	}
	buf_add(&b, S(" done"));
	str text = arena_copy(s->command, buf_str(&b));
	return text.p != NULL ? (struct reply){ "OK", text } : REPLY_OK("done");
}

/* A copy shares its bytes with the original, but counts as the usage of its folder does: once more. */
static uint64_t size_of(struct folder *f, const uint32_t *uids, size_t count)
{
	struct message rows[ROWS_AT_ONCE];
	uint64_t size = 0;
	for (size_t at = 0; at < count; at += ROWS_AT_ONCE) {
		size_t n = folder_find(f, uids + at, count - at < ROWS_AT_ONCE ? count - at : ROWS_AT_ONCE, rows);
		for (size_t i = 0; i < n; i++)
			size += rows[i].size;
	}
	return size;
}

/* MOVE adds nothing to the account. */
static err copy(
	struct imap_session *s, const struct imap_command *c, const uint32_t *uids, size_t count, struct copying *to)
{
	struct folder_status status;
	to->r.from = NEW(to->arena, uint32_t, count + 1);
	if (to->r.from == NULL)
		return FAIL(MEMORY);
	if (c->id == IMAP_COPY) {
		TRY(account_folder(s->account, to->copy.mailbox, &status)); /* ERR_ABSENT is what is told first */
		to->is_over_quota = count > 0 && session_is_over_quota(s, size_of(s->view.folder, uids, count));
	}
	if (to->is_over_quota)
		return OK;
	unsigned how = (c->id == IMAP_MOVE ? FOLDER_MOVE : 0u) | (c->uid ? 0u : FOLDER_WHOLE);
	return folder_copy(s->view.folder, uids, count, to->copy.mailbox, how, &to->r);
}

struct reply command_copy(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct copying to = { .arena = NULL };
	struct arena *arena;
	uint32_t *uids;
	size_t count;
	err e = imap_copy_parse(&cur, s->command, &to.copy);
	if (failed(e))
		return reply_bad(s, e, &cur);
	if (c->id == IMAP_MOVE && s->view.is_read_only)
		return REPLY_NO("[CANNOT] the mailbox was opened read-only");
	e = view_uids(&s->view, &to.copy.set, c->uid, &arena, &uids, &count);
	if (e.code == ERR_SYNTAX)
		return REPLY_BAD("there is no message with that number");
	if (failed(e))
		return reply_failed(s, e);
	to.arena = arena_new("copy", COPYUID_BUDGET);
	e = copy(s, c, uids, count, &to);
	struct reply reply;
	if (e.code == ERR_ABSENT)
		reply = REPLY_NO("[TRYCREATE] there is no such mailbox");
	else if (e.code == ERR_STATE) /* RFC 2180 4.4.1 */
		reply = REPLY_NO("[EXPUNGEISSUED] some of the messages are gone");
	else if (to.is_over_quota)
		reply = REPLY_NO("[OVERQUOTA] the account is full");
	else
		reply = failed(e) ? reply_failed(s, e) : copied(s, c, &to.r, to.arena);
	arena_free(&to.arena);
	arena_free(&arena);
	return reply;
}
