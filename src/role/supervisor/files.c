/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/files.h"

#include "role/supervisor/process.h"

#include "os/fd.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

/* Where section is NULL, at is the path, otherwise the name of the setting. */
static const struct {
	const char *role, *name, *section, *at;
} files[] = {
#define FILE_OF(role, name, section, setting) { #role, (name), #section, #setting },
#define FILE_AT(role, name, path) { #role, (name), NULL, (path) },
#include "role/supervisor/files.def"
#undef FILE_OF
#undef FILE_AT
};

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
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		int fd = str_eq(str_of(p->row->role), str_of(files[i].role))
				 ? open_file(p, files[i].section, files[i].at)
				 : -1;
		if (fd < 0)
			continue;
		struct msg_given_file m = { .name = str_of(files[i].name), .content = fd };
		err e = msg_send_given_file(&line, 0, &m);
		fd_close(&fd);
		TRY(e);
	}
	return OK;
}
