/* SPDX-License-Identifier: Apache-2.0 */
/* EXPUNGE and UID EXPUNGE (RFC 4315 2.1). What goes is told by the loop, as with every change. */
#include "proto/imap/copy.h"
#include "role/mailbox/imap/session.h"

enum { BATCH = 500 };

/* All that are \Deleted, or those of them that are in a set of UIDs. Some at a time: others wait only for one batch. */
static err expunge(struct imap_session *s, const struct imap_sequence *set)
{
	uint32_t uids[BATCH], after = 0;
	for (size_t n; (n = folder_flagged(s->view.folder, IMAP_FLAG_DELETED, after, uids, BATCH)) > 0;) {
		size_t kept = 0;
		after = uids[n - 1];
		for (size_t i = 0; i < n; i++)
			if (set == NULL || imap_sequence_has(set, uids[i]))
				uids[kept++] = uids[i];
		TRY(folder_expunge(s->view.folder, uids, kept));
	}
	return OK;
}

struct reply command_expunge(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_sequence set = { 0 };
	err e = OK;
	if (c->uid)
		e = imap_one_set_parse(&cur, s->command, &set);
	else
		cur_end(&cur);
	if (failed(e) || !cur_ok(&cur))
		return reply_bad(s, failed(e) ? e : cur.e, &cur);
	if (s->view.is_read_only)
		return REPLY_NO("[CANNOT] the mailbox was opened read-only");
	imap_sequence_resolve(&set, s->view.count > 0 ? s->view.entries[s->view.count - 1].uid : 0);
	e = expunge(s, c->uid ? &set : NULL);
	return failed(e) ? reply_failed(s, e) : reply_synced(s, REPLY_OK("done"));
}
