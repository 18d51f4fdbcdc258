/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE. */
#include "role/mailbox/imap/session.h"

static str without_separator(str name) { return str_ends(name, S("/")) ? str_slice(name, 0, name.n - 1) : name; }

struct reply command_create(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_create create;
	uint32_t uidvalidity;
	err e = imap_create_parse(&cur, s->command, &create);
	if (failed(e))
		return reply_bad(s, e, &cur);
	/* RFC 6154 3: \All and \Flagged would need a mailbox that shows what is in others. */
	if (create.has_other_uses || (create.uses & (IMAP_USE_ALL | IMAP_USE_FLAGGED)) != 0)
		return REPLY_NO("[USEATTR] no mailbox can have that use here");
	/* RFC 3501 6.3.3: a separator at the end says that children will follow; the name is without it. */
	e = account_create(s->account, without_separator(create.mailbox), create.uses, &uidvalidity);
	if (e.code == ERR_STATE)
		return REPLY_NO("[USEATTR] another mailbox has that use");
	return failed(e) ? reply_failed(s, e) : REPLY_OK("done");
}

struct reply command_delete(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	str name;
	err e = imap_one_mailbox_parse(&cur, s->command, &name);
	if (failed(e))
		return reply_bad(s, e, &cur);
	e = account_delete(s->account, name);
	if (e.code == ERR_STATE)
		return REPLY_NO("[HASCHILDREN] delete the mailboxes below it first");
	return failed(e) ? reply_failed(s, e) : REPLY_OK("done");
}

struct reply command_rename(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_rename names;
	err e = imap_rename_parse(&cur, s->command, &names);
	if (failed(e))
		return reply_bad(s, e, &cur);
	e = account_rename(s->account, names.from, without_separator(names.to));
	return failed(e) ? reply_failed(s, e) : REPLY_OK("done");
}

struct reply command_subscribe(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	str name;
	err e = imap_one_mailbox_parse(&cur, s->command, &name);
	if (failed(e))
		return reply_bad(s, e, &cur);
	e = account_subscribe(s->account, without_separator(name), c->id == IMAP_SUBSCRIBE);
	return failed(e) ? reply_failed(s, e) : reply_synced(s, REPLY_OK("done"));
}
