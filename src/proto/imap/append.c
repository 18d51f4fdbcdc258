/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/append.h"

#include "proto/imap/astring.h"
#include "proto/imap/command.h"
#include "proto/imap/mailbox.h"

/* append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal */
err imap_append_parse(struct cur *c, struct arena *a, struct imap_append *out)
{
	struct imap_append append = { 0 };
	append.mailbox = imap_mailbox(c, a);
	imap_space(c);
	if (cur_peek(c) == '(') {
		append.flags = imap_flag_list(c, a);
		imap_space(c);
	}
	if (cur_peek(c) == '"') {
		append.has_date = true;
		append.date = imap_datetime(c);
		imap_space(c);
	}
	TRY(c->e);
	if (failed(imap_literal_at_end(c->in, &append.message)) || append.message.at != c->at ||
		append.message.is_binary)
		cur_fail(c, "a message as a literal");
	TRY(c->e);
	c->at = c->in.n;
	*out = append;
	return OK;
}

bool imap_append_is_ready(str text, struct arena *a)
{
	struct imap_command command;
	struct imap_append append;
	if (failed(imap_command_parse(text, &command)) || command.id != IMAP_APPEND)
		return false;
	struct cur c = cur_of(command.args);
	return imap_append_parse(&c, a, &append).code != ERR_AGAIN;
}
