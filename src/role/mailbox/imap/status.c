/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/status.h"

#include "role/mailbox/imap/list.h"
#include "role/mailbox/imap/session.h"

void write_status(struct buf *b, str name, const struct folder_status *status, unsigned items)
{
	const struct {
		unsigned item;
		const char *name;
		uint64_t value;
	} rows[] = {
		{ IMAP_STATUS_MESSAGES, "MESSAGES", status->messages },
		{ IMAP_STATUS_RECENT, "RECENT", status->recent },
		{ IMAP_STATUS_UIDNEXT, "UIDNEXT", status->uid_next },
		{ IMAP_STATUS_UIDVALIDITY, "UIDVALIDITY", status->uidvalidity },
		{ IMAP_STATUS_UNSEEN, "UNSEEN", status->unseen },
	};
	const char *between = "";
	buf_add(b, S("* STATUS "));
	imap_write_mailbox(b, name);
	buf_add(b, S(" ("));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if ((items & rows[i].item) == 0)
			continue;
		buf_addf(b, "%s%s %llu", between, rows[i].name, (unsigned long long)rows[i].value);
		between = " ";
	}
	buf_add(b, S(")\r\n"));
}

struct reply command_status(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_status query;
	struct folder_status status;
	err e = imap_status_parse(&cur, s->command, &query);
	if (failed(e))
		return reply_bad(s, e, &cur);
	e = account_folder(s->account, query.mailbox, &status);
	if (!failed(e) && status.is_container)
		e = FAIL(ABSENT);
	if (failed(e))
		return reply_failed(s, e);
	struct buf b = buf_in(s->command, 4 * IMAP_MAILBOX_MAX + 300);
	write_status(&b, query.mailbox, &status, query.items);
	if (b.lost)
		return REPLY_NO("[LIMIT] the answer is too long");
	io_put(s->io, buf_str(&b));
	return REPLY_OK("done");
}
