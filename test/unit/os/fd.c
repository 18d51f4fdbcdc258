/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fd.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void descriptors(void **state)
{
	(void)state;
	int fds[2];
	assert_int_equal(pipe2(fds, 0), 0);
	check_err("nonblocking", fd_set_nonblocking(fds[0], true), ERR_NONE);
	check_err("close on exec", fd_set_close_on_exec(fds[0], true), ERR_NONE);
	assert_true((fcntl(fds[0], F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) != 0);
	check_err("blocking", fd_set_nonblocking(fds[0], false), ERR_NONE);
	assert_true((fcntl(fds[0], F_GETFL) & O_NONBLOCK) == 0);
	fd_close(&fds[0]);
	assert_int_equal(fds[0], -1);
	errno = ENOSPC;
	fd_close(&fds[0]);
	assert_int_equal(errno, ENOSPC);
	check_err("no descriptor", fd_set_nonblocking(fds[0], true), ERR_SYSTEM);
	signal(SIGPIPE, SIG_IGN);
	size_t put;
	check_err("nobody reads", fd_write(fds[1], "x", 1, &put), ERR_CLOSED);
	signal(SIGPIPE, SIG_DFL);
	fd_close(&fds[1]);
}

/* Room in the table of this process, as the kernel says it. */
static unsigned long table_size(void)
{
	char text[4096] = "";
	FILE *f = fopen("/proc/self/status", "re");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof text - 1, f) > 0);
	fclose(f);
	const char *line = strstr(text, "FDSize:");
	assert_non_null(line);
	return strtoul(line + strlen("FDSize:"), NULL, 10);
}

static void table_grows_beforehand(void **state)
{
	(void)state;
	unsigned n = (unsigned)table_size() * 2;
	assert_true(n < 1024);
	int free_before = dup(STDERR_FILENO);
	close(free_before);
	check_err("reserve", fd_reserve(n), ERR_NONE);
	assert_true(table_size() >= n);
	int free_after = dup(STDERR_FILENO);
	close(free_after);
	assert_int_equal(free_after, free_before);
}

static void limit_stays(void **state)
{
	(void)state;
	struct rlimit now;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &now), 0);
	check_err("above the limit", fd_reserve((unsigned)now.rlim_cur + 1), ERR_SYSTEM);
	assert_int_equal(errno, EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors),
		cmocka_unit_test(table_grows_beforehand),
		cmocka_unit_test(limit_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
