/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT, EXAMINE, CLOSE, UNSELECT. */
#include "role/mailbox/imap/session.h"

enum { EXPUNGE_BATCH = 500 };

static void tell_first_unseen(struct imap_session *s)
{
	struct view *v = &s->view;
	uint32_t uid = folder_first_unseen(v->folder);
	for (uint32_t low = 0, high = v->count; uid != 0 && low < high;) {
		uint32_t middle = low + (high - low) / 2;
		if (v->entries[middle].uid == uid) {
			io_putf(s->io, "* OK [UNSEEN %u] the first unseen message\r\n", middle + 1);
			return;
		}
		if (v->entries[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
}

struct reply command_select(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct folder_status status;
	str name;
	bool is_read_only = c->id == IMAP_EXAMINE;
	err e = imap_one_mailbox_parse(&cur, s->command, &name);
	if (failed(e))
		return reply_bad(s, e, &cur);
	e = view_open(s, name, is_read_only);
	if (failed(e))
		return reply_failed(s, e);
	folder_status(s->view.folder, &status);
	e = view_tell_flags(s);
	if (failed(e)) {
		view_close(&s->view);
		return reply_failed(s, e);
	}
	io_putf(s->io, "* %u EXISTS\r\n* %u RECENT\r\n", s->view.count, s->view.recent);
	tell_first_unseen(s);
	io_putf(s->io, "* OK [UIDVALIDITY %u] UIDs are valid\r\n* OK [UIDNEXT %u] the next UID\r\n", status.uidvalidity,
		s->view.uid_next);
	return is_read_only ? REPLY_OK("[READ-ONLY] done") : REPLY_OK("[READ-WRITE] done");
}

/* RFC 3501 6.4.2: what is \Deleted goes without a word, unless the mailbox was opened by EXAMINE. */
struct reply command_close(struct imap_session *s, const struct imap_command *c)
{
	uint32_t uids[EXPUNGE_BATCH], after = 0;
	err e = OK;
	(void)c;
	bool was_any = false;
	while (!s->view.is_read_only && !failed(e)) {
		size_t n = folder_flagged(s->view.folder, IMAP_FLAG_DELETED, after, uids, EXPUNGE_BATCH);
		if (n == 0)
			break;
		after = uids[n - 1];
		was_any = true;
		e = folder_expunge(s->view.folder, uids, n);
	}
	view_close(&s->view);
	if (failed(e))
		return reply_failed(s, e);
	return was_any ? reply_synced(s, REPLY_OK("done")) : REPLY_OK("done");
}

struct reply command_unselect(struct imap_session *s, const struct imap_command *c)
{
	(void)c;
	view_close(&s->view);
	return REPLY_OK("done");
}
