/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that need no more than a line or two. */
#include "proto/imap/enable.h"
#include "proto/imap/id.h"
#include "role/mailbox/imap/session.h"

struct reply command_capability(struct imap_session *s, const struct imap_command *c)
{
	char room[300];
	struct buf list = BUF_ON(room);
	(void)c;
	session_capabilities(&list);
	io_putf(s->io, "* CAPABILITY %.*s\r\n", ARG(buf_str(&list)));
	return REPLY_OK("done");
}

struct reply command_noop(struct imap_session *s, const struct imap_command *c)
{
	(void)s;
	(void)c;
	return REPLY_OK("done");
}

/* RFC 3501 6.4.1: what a checkpoint means is up to the server; here flags become durable at once. */
struct reply command_check(struct imap_session *s, const struct imap_command *c)
{
	(void)c;
	return reply_synced(s, REPLY_OK("done"));
}

struct reply command_logout(struct imap_session *s, const struct imap_command *c)
{
	(void)c;
	io_put(s->io, S("* BYE see you\r\n"));
	s->has_ended = true;
	return REPLY_OK("done");
}

struct reply command_id(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_id id;
	err e = imap_id_parse(&cur, s->command, &id);
	if (failed(e))
		return reply_bad(s, e, &cur);
	io_put(s->io, S("* ID (\"name\" \"Siegel\")\r\n"));
	return REPLY_OK("done");
}

/* RFC 5161 3.1: what is not known is left out of the answer. There is nothing to enable yet. */
struct reply command_enable(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_enable enable;
	err e = imap_enable_parse(&cur, s->command, &enable);
	if (failed(e))
		return reply_bad(s, e, &cur);
	io_put(s->io, S("* ENABLED\r\n"));
	return REPLY_OK("done");
}

struct reply command_namespace(struct imap_session *s, const struct imap_command *c)
{
	(void)c;
	io_put(s->io, S("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n"));
	return REPLY_OK("done");
}
