/* SPDX-License-Identifier: Apache-2.0 */
/* COPY and MOVE (RFC 6851 3.1), with COPYUID (RFC 4315 3). */
#include "proto/imap/copy.h"

#include "role/mailbox/imap/session.h"

enum { COPYUID_BUDGET = 64 << 20, UID_TEXT = 22 };

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

struct reply command_copy(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_copy copy;
	struct arena *arena;
	uint32_t *uids;
	size_t count;
	err e = imap_copy_parse(&cur, s->command, &copy);
	if (failed(e))
		return reply_bad(s, e, &cur);
	if (c->id == IMAP_MOVE && s->view.is_read_only)
		return REPLY_NO("[CANNOT] the mailbox was opened read-only");
	e = view_uids(&s->view, &copy.set, c->uid, &arena, &uids, &count);
	if (e.code == ERR_SYNTAX)
		return REPLY_BAD("there is no message with that number");
	if (failed(e))
		return reply_failed(s, e);
	struct arena *results = arena_new("copy", COPYUID_BUDGET);
	struct copy_result r = { .from = NEW(results, uint32_t, count + 1) };
	struct reply reply;
	e = r.from == NULL ? FAIL(MEMORY)
			   : folder_copy(s->view.folder, uids, count, copy.mailbox, c->id == IMAP_MOVE, &r);
	if (e.code == ERR_ABSENT)
		reply = REPLY_NO("[TRYCREATE] there is no such mailbox");
	else
		reply = failed(e) ? reply_failed(s, e) : copied(s, c, &r, results);
	arena_free(&results);
	arena_free(&arena);
	return reply;
}
