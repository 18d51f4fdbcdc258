/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that changes bytes of the spool in the current folder. */
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

static unsigned spoil_file(const char *name, str mark)
{
	static char room[8 << 20];
	unsigned times = 0;
	int fd = open(name, O_RDWR | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, room, sizeof room) : 0;
	const char *end = room + (n > 0 ? n : 0), *at = room;
	while ((at = memmem(at, (size_t)(end - at), mark.p, mark.n)) != NULL) {
		if (pwrite(fd, "!", 1, at - room) == 1)
			times++;
		at += mark.n;
	}
	if (fd >= 0)
		close(fd);
	return times;
}

/* Does what a bad disk does to bytes of the spool that stand somewhere behind this mark: the store does not see it. */
static void spoil(str mark)
{
	unsigned times = 0;
	DIR *folder = opendir(".");
	for (struct dirent *d = readdir(folder); d != NULL; d = readdir(folder))
		times += d->d_type == DT_REG ? spoil_file(d->d_name, mark) : 0;
	closedir(folder);
	if (times == 0)
		abort();
}
