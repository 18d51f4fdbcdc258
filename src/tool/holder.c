/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/holder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 512, COLUMNS = 10 };
enum column { LOCAL = 1, STATE = 3, INODE = 9 };

static size_t cut_columns(str line, str *columns)
{
	size_t n = 0;
	str word;
	while (n < COLUMNS && str_word(&line, ' ', &word))
		if (word.n > 0)
			columns[n++] = str_trim(word);
	return n;
}

/* A line of proc_pid_net(5): "sl: local:port remote:port state tx:rx tr:when retransmits uid timeout inode". */
static bool is_listener(str line, str port, str *inode)
{
	str columns[COLUMNS];
	if (cut_columns(line, columns) < COLUMNS || !str_eq(columns[STATE], S("0A")) || !str_ends(columns[LOCAL], port))
		return false;
	*inode = columns[INODE];
	return true;
}

/* Writes the name of the socket as descriptors show it. */
static bool socket_in(const char *table, unsigned port, struct buf *name)
{
	char line[LINE_MAX_BYTES], wanted[16];
	bool found = false;
	str inode;
	snprintf(wanted, sizeof wanted, ":%04X", port & 0xffff);
	FILE *f = fopen(table, "re");
	while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
		found = is_listener(str_of(line), str_of(wanted), &inode);
	if (found)
		buf_addf(name, "socket:[%.*s]", ARG(inode));
	if (f != NULL)
		fclose(f);
	return found;
}

static bool holds(const char *pid, str socket)
{
	char path[PATH_MAX], target[64];
	bool found = false;
	snprintf(path, sizeof path, "/proc/%s/fd", pid);
	DIR *all = opendir(path);
	for (const struct dirent *e; all != NULL && !found && (e = readdir(all)) != NULL;) {
		ssize_t n = readlinkat(dirfd(all), e->d_name, target, sizeof target);
		found = n > 0 && str_eq(str_from(target, (size_t)n), socket);
	}
	if (all != NULL)
		closedir(all);
	return found;
}

static void read_name(struct holder *h, const char *pid)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "/proc/%s/comm", pid);
	FILE *f = fopen(path, "re");
	if (f == NULL || fgets(h->name, sizeof h->name, f) == NULL)
		h->name[0] = '\0';
	h->name[strcspn(h->name, "\n")] = '\0';
	if (f != NULL)
		fclose(f);
}

bool holder_find(unsigned port, struct holder *out)
{
	char room[64];
	struct buf name = BUF_ON(room);
	struct holder h = { .pid = 0 };
	uint64_t pid;
	if (!socket_in("/proc/net/tcp", port, &name) && !socket_in("/proc/net/tcp6", port, &name))
		return false;
	DIR *all = opendir("/proc");
	for (const struct dirent *e; all != NULL && h.pid == 0 && (e = readdir(all)) != NULL;)
		if (!failed(str_number(str_of(e->d_name), INT_MAX, &pid)) && holds(e->d_name, buf_str(&name))) {
			h.pid = (int)pid;
			read_name(&h, e->d_name);
		}
	if (all != NULL)
		closedir(all);
	*out = h;
	return true;
}
