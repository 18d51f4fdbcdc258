/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/outgoing.h"

#include <strings.h>

#include "role/supervisor/rows.h"
#include "role/supervisor/state.h"

enum { LOGINS_MAX = 32768, AUTHORITIES_MAX = 24576, BUDGET = 128 << 10 };

/* Absent: there is no such file, which only logins may be. */
static str read_file(struct process *p, const struct file_wanted *file, bool needed, struct arena *a)
{
	char room[300];
	struct buf reason = BUF_ON(room);
	str text = NO_STR;
	err e = folder_read(file, a, &text, &reason);
	if (failed(e) && (needed || e.code != ERR_ABSENT))
		LOG(&p->supervisor->service.log, alarm, F_TEXT("reason", buf_str(&reason)));
	return failed(e) ? NO_STR : text;
}

static err send(struct process *p, const struct msg_key *m)
{
	struct channel line = process_line(p);
	err e = msg_send_key(&line, 0, m);
	explicit_bzero(line.out->bytes, sizeof line.out->bytes);
	return e;
}

err outgoing_send(struct process *p)
{
	const struct supervisor *s = p->supervisor;
	const str extra = s->conf.sender.ca_extra;
	struct arena *a = arena_new("logins", BUDGET);
	const struct file_wanted logins = { s->folders.top, "route-logins", true, LOGINS_MAX };
	const struct file_wanted authorities = { s->folders.top, extra.p, false, AUTHORITIES_MAX };
	struct msg_key m = { .name = S("authorities"), .value = S("") };
	err e = OK;
	if (row_has(p->row->sections, S("sender")) && extra.n > 0) {
		m.public = read_file(p, &authorities, true, a);
		e = m.public.n > 0 ? send(p, &m) : OK;
	}
	if (row_has(p->row->sections, S("routes")) && !failed(e)) {
		m = (struct msg_key){ .name = S("logins"), .value = read_file(p, &logins, false, a), .public = S("") };
		e = m.value.n > 0 ? send(p, &m) : OK;
	}
	arena_free(&a);
	return e;
}
