/* SPDX-License-Identifier: Apache-2.0 */
/* vfork(): the child runs on the parent's memory until it has become the new program, so that a large table of pages need
 * not be copied for a mailbox process that is to answer within two milliseconds. Until then it makes plain system calls
 * only and writes nothing but its own variables and the reason for failing. */
#include "role/supervisor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIFELINE = 3, HOME = 4, FIRST_FREE = 5 };

err spawn_prepare(void)
{
	int fd;
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) /* what our own parent left open */
		return FAIL(SYSTEM);
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return FAIL(SYSTEM);
	} while (fd < FIRST_FREE);
	close(fd);
	return OK;
}

static int become_user(const struct spawn *s)
{
	if (!s->changes_user)
		return 0;
	/* The functions of libc would tell other threads, which there are none of, by memory that is not ours here. */
	if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, s->group, s->group, s->group) != 0)
		return -1;
	return (int)syscall(SYS_setresuid, s->user, s->user, s->user);
}

static int place_descriptors(const struct spawn *s, int null)
{
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(s->errors, STDERR_FILENO) < 0 ||
		dup2(s->lifeline, LIFELINE) < 0)
		return -1;
	if (s->home < 0)
		return close(HOME) == 0 ? chdir("/") : -1;
	return dup2(s->home, HOME) < 0 ? -1 : fchdir(HOME);
}

/* Returns only if it failed. */
static void become_program(const struct spawn *s, int null)
{
	static char *const no_environment[] = { NULL };
	sigset_t none;
	sigemptyset(&none);
	/* Signals of a terminal are the supervisor's alone. No session of its own: the kernel shares the processors out to
	 * sessions first (sched(7), autogroups), and no nice value would count between the roles. */
	setpgid(0, 0);
	if (place_descriptors(s, null) != 0 || become_user(s) != 0)
		return;
	sigprocmask(SIG_SETMASK, &none, NULL);
	syscall(SYS_execveat, s->program, "", s->arguments, no_environment, AT_EMPTY_PATH);
}

err spawn(const struct spawn *s, pid_t *pid, int *process)
{
	volatile int reason = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return FAIL(SYSTEM);
	/* A fork would copy the page tables of a process that starts one for each mailbox, and posix_spawn() can neither
	 * change the user nor execute a descriptor. The child calls nothing that touches what the parent uses. */
	pid_t child = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	if (child == 0) {
		become_program(s, null); /* NOLINT(clang-analyzer-unix.Vfork) */
		reason = errno;
		_exit(127);
	}
	if (child < 0)
		reason = errno;
	close(null);
	int watch = child > 0 ? (int)syscall(SYS_pidfd_open, child, 0) : -1;
	if (child > 0 && watch >= 0 && reason == 0) {
		*pid = child;
		*process = watch;
		return OK;
	}
	if (child > 0 && reason == 0) {
		reason = errno;
		kill(child, SIGKILL);
	}
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	if (watch >= 0)
		close(watch);
	errno = reason;
	return FAIL(SYSTEM);
}
