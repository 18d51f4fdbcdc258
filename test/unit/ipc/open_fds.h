/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what is open, so that a test sees a descriptor that was forgotten. */
#pragma once
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"

enum { OPEN_FDS_MAX = 256 };

static inline unsigned open_fds(void)
{
	unsigned n = 0;
	for (int fd = 0; fd < OPEN_FDS_MAX; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Any descriptor. */
static inline int some_fd(void)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}
