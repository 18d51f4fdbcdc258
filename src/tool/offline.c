/* SPDX-License-Identifier: Apache-2.0 */
/* While no server runs, a child of the command is the supervisor of the few roles that commands need. They are confined as
 * ever; the command itself opens no store. */
#include "tool/client.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void tell_ready(void *to)
{
	const int *pipe_end = to;
	ssize_t n = write(*pipe_end, "r", 1);
	(void)n; /* without a reader the command has ended, and with it we do */
}

static void say(void *to, str text)
{
	(void)to;
	fprintf(stderr, "siegel: %.*s\n", ARG(text));
}

static void be_supervisor(const struct supervisor_setup *setup, int pipe_end, pid_t parent)
{
	struct supervisor_setup ours = *setup;
	ours.offline = true;
	ours.ready = tell_ready;
	ours.complain = say;
	ours.to = &pipe_end;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == parent)
		_exit(supervisor_serve(&ours));
	_exit(EXIT_REFUSED);
}

static bool comes_to_serve(int pipe_end)
{
	char byte;
	ssize_t n;
	do
		n = read(pipe_end, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

err offline_run(const struct supervisor_setup *setup, int (*use)(void *to), void *to, int *status)
{
	struct supervisor_setup ours = *setup;
	char room[400];
	struct buf reason = BUF_ON(room);
	pid_t owner = 0, self = getpid();
	int ends[2];
	TRY(folders_lock(&ours.folders, &owner, &reason));
	if (pipe2(ends, O_CLOEXEC) != 0)
		return FAIL(SYSTEM);
	fflush(NULL);
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		be_supervisor(&ours, ends[1], self);
	}
	close(ends[1]);
	fd_close(&ours.folders.lock); /* the child's copy holds it */
	bool serves = child > 0 && comes_to_serve(ends[0]);
	close(ends[0]);
	if (serves)
		*status = use(to);
	if (child > 0) {
		kill(child, SIGTERM);
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return serves ? OK : FAIL(SYSTEM);
}
