/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/files.h"

#include "role/supervisor/process.h"

#include "os/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where section is NULL, at is the path, otherwise the name of the setting; where at is NULL too it is memory. */
static const struct file {
	const char *role, *name, *section, *at;
	size_t bytes;
} files[] = {
#define FILE_OF(role, name, section, setting) { #role, (name), #section, #setting, 0 },
#define FILE_AT(role, name, path) { #role, (name), NULL, (path), 0 },
#define KEPT(role, name, bytes) { #role, (name), NULL, NULL, (bytes) },
#include "role/supervisor/files.def"
#undef FILE_OF
#undef FILE_AT
#undef KEPT
};
enum { FILES = sizeof files / sizeof *files };

/* The memory of KEPT rows, as long as the server runs; 0: not made yet. */
static int kept[FILES];

/* Whoever has it may write into it and not change its size, which would take the ground from under the next one. */
static int keep(size_t bytes)
{
	int fd = memfd_create("kept", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd >= 0 && (ftruncate(fd, (off_t)bytes) != 0 ||
			       fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0))
		fd_close(&fd);
	return fd;
}

/* A descriptor of its own for the memory of that row. -1: there is none. */
static int open_kept(size_t row)
{
	if (kept[row] <= 0)
		kept[row] = keep(files[row].bytes);
	return kept[row] < 0 ? -1 : fcntl(kept[row], F_DUPFD_CLOEXEC, 0);
}

/* -1: there is none, or it is not a regular file. */
static int open_file(const struct process *p, const char *section, const char *at)
{
	const struct supervisor *s = p->supervisor;
	char room[PATH_MAX];
	struct buf path = BUF_ON(room);
	struct stat st;
	if (section != NULL)
		conf_write(&path, &s->conf, conf_find(str_of(section), str_of(at)));
	else
		buf_add(&path, str_of(at));
	buf_byte(&path, '\0');
	if (path.lost || path.n == 1)
		return -1;
	/* Without waiting: what stands there could be a pipe. */
	int fd = openat(s->folders.top, room, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)))
		fd_close(&fd);
	return fd;
}

err files_send(struct process *p)
{
	struct channel line = process_line(p);
	for (size_t i = 0; i < FILES; i++) {
		if (!str_eq(str_of(p->row->role), str_of(files[i].role)))
			continue;
		int fd = files[i].bytes > 0 ? open_kept(i) : open_file(p, files[i].section, files[i].at);
		if (fd < 0)
			continue;
		struct msg_given_file m = { .name = str_of(files[i].name), .content = fd };
		err e = msg_send_given_file(&line, 0, &m);
		fd_close(&fd);
		TRY(e);
	}
	return OK;
}
