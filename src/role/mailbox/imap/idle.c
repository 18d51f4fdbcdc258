/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/idle.h"

#include <sys/eventfd.h>

#include "role/mailbox/imap/session.h"

/* Tells what has changed, and sees to it that the next change wakes us. */
static err tell(struct imap_session *s)
{
	struct view *v = &s->view;
	if (v->folder == NULL)
		return OK;
	do
		TRY(view_tell(s, true));
	while (!folder_arm(v->folder, &v->watch, v->version));
	return OK;
}

static err wait_for_done(struct imap_session *s, str *line)
{
	io_put(s->io, S("+ idling\r\n"));
	for (;;) {
		bool has_changed = false;
		TRY(tell(s));
		io_deadline(s->io, (int64_t)s->mailbox->service->conf->imap.idle_timeout * 1000);
		if (io_waiting(s->io) == 0)
			TRY(io_wait(s->io, s->view.watch.fd, &has_changed));
		if (!has_changed)
			return io_line(s->io, line);
		eventfd_t count;
		eventfd_read(s->view.watch.fd, &count);
	}
}

struct reply command_idle(struct imap_session *s, const struct imap_command *c)
{
	str line = NO_STR;
	(void)c;
	err e = wait_for_done(s, &line);
	session_patience(s);
	if (failed(e)) {
		io_put(s->io, e.code == ERR_TIMEOUT ? S("* BYE you have been silent for too long\r\n")
						    : S("* BYE this session has ended\r\n"));
		s->has_ended = true;
		return REPLY_NO("IDLE has ended");
	}
	return imap_is_done(line) ? REPLY_OK("done") : REPLY_BAD("IDLE ends with DONE");
}
