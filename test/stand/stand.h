/* SPDX-License-Identifier: Apache-2.0 */
/* What every stand needs: one process, as it is shipped and confined, of which the stand is the supervisor. */
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/channel.h"

#define CONVERSATION "ipc/supervisor_role.def"
#include "ipc/conversation.h"

enum { LIFELINE_MS = 60000, LIFELINE_FD = 3, HOME_FD = 4, HIGH_FD = 20 };

static struct frame heard, said;
static struct channel lifeline;

static inline void die(const char *what)
{
	fprintf(stderr, "stand: %s: %s\n", what, strerror(errno));
	exit(1);
}

static inline void must(err e, const char *what)
{
	if (failed(e)) {
		fprintf(stderr, "stand: %s: %s\n", what, err_text(e));
		exit(1);
	}
}

/* Our end of a new channel between the process and that peer. */
static inline struct channel give_channel(const char *peer, uint64_t account)
{
	int ends[2];
	must(channel_pair(ends), "pair");
	struct msg_channel m = { .peer = str_of(peer), .account = account, .end = ends[1] };
	must(msg_send_channel(&lifeline, 0, &m), "channel");
	close(ends[1]);
	return channel_of(ends[0], &heard, &said);
}

static inline pid_t stand_start(const char *program, const char *name, const char *instance, const char *folder)
{
	int ends[2];
	must(channel_pair(ends), "pair");
	int home = open(folder, O_RDONLY | O_DIRECTORY), executable = open(program, O_RDONLY | O_CLOEXEC);
	if (home < 0 || executable < 0)
		die(program);
	pid_t child = fork();
	if (child == 0) {
		const char *words[] = { name, instance, "99", "required", "shared", NULL };
		char *arguments[6];
		for (int i = 0; i < 6; i++)
			arguments[i] = words[i] != NULL ? strdup(words[i]) : NULL;
		int high_home = fcntl(home, F_DUPFD, HIGH_FD), high_end = fcntl(ends[1], F_DUPFD, HIGH_FD);
		if (fchdir(home) != 0 || dup2(high_end, LIFELINE_FD) < 0 || dup2(high_home, HOME_FD) < 0)
			_exit(1);
		close(high_home);
		close(high_end);
		char *nothing[] = { NULL };
		fexecve(executable, arguments, nothing);
		_exit(1);
	}
	close(ends[1]);
	close(home);
	close(executable);
	lifeline = channel_waiting(ends[0], LIFELINE_MS, &heard, &said);
	return child;
}

/* SECTION.NAME=VALUE each, up to NULL. */
static inline void stand_settings(char **settings)
{
	char room[8192];
	struct buf lines = BUF_ON(room);
	for (; *settings != NULL; settings++) {
		struct msg_setting m = { .line = str_of(*settings) };
		must(msg_add_setting(&lines, &said, &m), "setting");
	}
	const struct msg_settings all = { .lines = buf_str(&lines) };
	must(msg_send_settings(&lifeline, 0, &all), "settings");
}

static inline void stand_go(void)
{
	struct msg_go go = { .no_more = 0 };
	struct msg_running running = { .no_more = 0 };
	must(msg_send_go(&lifeline, 0, &go), "go");
	must(msg_expect_running(&lifeline, &running), "running");
	printf("running landlock=%u seccomp=%d\n", (unsigned)running.landlock, running.seccomp);
}

/* What main() returns. */
static inline int stand_end(pid_t child)
{
	int status = 0;
	channel_close(&lifeline);
	waitpid(child, &status, 0);
	printf("ended %d\n", status);
	return 0;
}
