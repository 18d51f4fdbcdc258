/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/store.h"

#include "role/mailbox/imap/session.h"

enum { BATCH = 128, LINE_ROOM = 8 << 10 };

static void tell_one(struct imap_session *s, uint32_t number, const struct message *m, bool with_uid)
{
	char line[LINE_ROOM];
	struct buf b = BUF_ON(line);
	buf_addf(&b, "* %u FETCH (", number);
	if (with_uid)
		buf_addf(&b, "UID %u ", m->uid);
	buf_add(&b, S("FLAGS "));
	view_write_flags(&s->view, &b, m, s->view.entries[number - 1].is_recent != 0);
	buf_add(&b, S(")\r\n"));
	session_patience(s);
	if (!b.lost)
		io_put(s->io, buf_str(&b));
}

/* What became of the flags (RFC 3501 6.4.6). *gone: some of the messages are no longer there. */
static void tell(struct imap_session *s, struct view_walk *w, bool with_uid, bool is_silent, bool *gone)
{
	uint32_t numbers[BATCH], uids[BATCH];
	struct message rows[BATCH];
	for (size_t n; (n = view_walk_next(w, numbers, BATCH)) > 0;) {
		for (size_t i = 0; i < n; i++)
			uids[i] = s->view.entries[numbers[i] - 1].uid;
		size_t found = folder_find(s->view.folder, uids, n, rows);
		*gone = *gone || found < n;
		for (size_t i = 0, at = 0; at < found && !is_silent; i++)
			if (rows[at].uid == s->view.entries[numbers[i] - 1].uid)
				tell_one(s, numbers[i], &rows[at++], with_uid);
	}
}

static err change(struct imap_session *s, struct imap_store *store, bool by_uid)
{
	static const enum flag_change changes[] = {
		[IMAP_STORE_REPLACE] = FLAGS_REPLACE, [IMAP_STORE_ADD] = FLAGS_ADD, [IMAP_STORE_REMOVE] = FLAGS_REMOVE
	};
	struct flag_order order = {
		.change = changes[store->mode],
		.flags = store->flags.system,
		.keywords = store->flags.keywords,
		.keyword_count = store->flags.count,
		.changer = s->number,
	};
	struct arena *arena;
	uint32_t *uids;
	size_t count;
	TRY(view_uids(&s->view, &store->set, by_uid, &arena, &uids, &count));
	err e = folder_flag(s->view.folder, uids, count, &order);
	arena_free(&arena);
	return e;
}

struct reply command_store(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_store store;
	struct view_walk walk;
	bool gone = false;
	err e = imap_store_parse(&cur, s->command, &store);
	if (failed(e))
		return reply_bad(s, e, &cur);
	if (s->view.is_read_only)
		return REPLY_NO("[CANNOT] the mailbox was opened read-only");
	if (failed(view_walk(&s->view, &store.set, c->uid, &walk)))
		return REPLY_BAD("there is no message with that number");
	/* What others changed is told first, so that .SILENT hides only what this command does. */
	e = view_tell(s, c->uid);
	if (!failed(e) && failed(view_walk(&s->view, &store.set, c->uid, &walk)))
		return REPLY_NO("[EXPUNGEISSUED] some of the messages are gone");
	if (!failed(e))
		e = change(s, &store, c->uid);
	if (!failed(e))
		e = view_tell(s, false); /* FLAGS, if a keyword is new */
	if (e.code == ERR_LIMIT)
		return REPLY_NO("[LIMIT] the mailbox has too many keywords");
	if (failed(e))
		return reply_failed(s, e);
	tell(s, &walk, c->uid, store.is_silent, &gone);
	return gone && !c->uid ? REPLY_NO("[EXPUNGEISSUED] some of the messages are gone") : REPLY_OK("done");
}
