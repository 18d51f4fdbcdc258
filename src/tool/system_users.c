/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/system_users.h"

#include "role/supervisor/rows.h"
#include "role/supervisor/users.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NAME_ROOM = 40, ATTEMPT_REASON = 400 };

static bool run(const char *path, char *const *arguments)
{
	static char *const environment[] = { NULL };
	pid_t child;
	int status = 0;
	if (posix_spawn(&child, path, NULL, NULL, arguments, environment) != 0)
		return false;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool make_user(const char *role)
{
	char name[NAME_ROOM], program[] = "useradd", system[] = "--system", group[] = "--user-group",
			      no_home[] = "--no-create-home";
	char home[] = "--home-dir=/nonexistent", shell[] = "--shell=/usr/sbin/nologin";
	snprintf(name, sizeof name, "siegel-%s", role);
	char *const arguments[] = { program, system, group, no_home, home, shell, name, NULL };
	return run("/usr/sbin/useradd", arguments);
}

err system_users_make(struct buf *reason)
{
	if (!user_is_root())
		return OK;
	for (size_t i = 0; i < ROWS; i++) {
		struct user user;
		char room[ATTEMPT_REASON];
		struct buf missing = BUF_ON(room);
		if ((rows[i].flags & ON_DEMAND) != 0 || !failed(user_of_role(rows[i].role, &user, &missing)))
			continue;
		if (!make_user(rows[i].role) || failed(user_of_role(rows[i].role, &user, &missing))) {
			buf_addf(reason, "the system user siegel-%s cannot be made by /usr/sbin/useradd", rows[i].role);
			return FAIL(SYSTEM);
		}
	}
	return OK;
}
