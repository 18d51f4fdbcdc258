/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/machine_users.h"

#include "role/supervisor/files.h"
#include "role/supervisor/process.h"

enum { LOOK_MS = 5000 };

static bool has_changed(struct supervisor *s)
{
	struct stat is;
	const struct stat *was = &s->passwd;
	if (stat("/etc/passwd", &is) != 0)
		return false;
	bool changed = is.st_ino != was->st_ino || is.st_size != was->st_size ||
		       is.st_mtim.tv_sec != was->st_mtim.tv_sec || is.st_mtim.tv_nsec != was->st_mtim.tv_nsec;
	s->passwd = is;
	return changed;
}

static void look(void *to)
{
	struct supervisor *s = to;
	bool changed = has_changed(s);
	for (struct process *p = s->processes; p != NULL && changed; p = p->next)
		if (process_is_up(p) && str_eq(str_of(p->row->role), S("directory")) && failed(files_send(p)))
			process_give_up(p);
	loop_timer_start(s->service.loop, &s->passwd_timer, LOOK_MS, look, s);
}

void machine_users_watch(struct supervisor *s)
{
	(void)has_changed(s);
	loop_timer_start(s->service.loop, &s->passwd_timer, LOOK_MS, look, s);
}
