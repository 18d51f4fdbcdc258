/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/holder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 512, LISTENING = 0x0a };

/* A line of proc_pid_net(5): "sl: local:port remote:port state tx:rx tr:when retransmits uid timeout inode". */
static bool inode_in(const char *table, unsigned port, unsigned long *inode)
{
	char line[LINE_MAX_BYTES];
	unsigned local, state;
	bool found = false;
	FILE *f = fopen(table, "re");
	while (f != NULL && !found && fgets(line, sizeof line, f) != NULL)
		found = sscanf(line, " %*u: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*u %lu", &local, &state,
				inode) == 3 &&
			state == LISTENING && local == port;
	if (f != NULL)
		fclose(f);
	return found;
}

static bool holds(const char *pid, const char *socket)
{
	char path[PATH_MAX], target[64];
	bool found = false;
	snprintf(path, sizeof path, "/proc/%s/fd", pid);
	DIR *all = opendir(path);
	for (const struct dirent *e; all != NULL && !found && (e = readdir(all)) != NULL;) {
		ssize_t n = readlinkat(dirfd(all), e->d_name, target, sizeof target);
		found = n > 0 && str_eq(str_from(target, (size_t)n), str_of(socket));
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
	char socket[48];
	unsigned long inode = 0;
	struct holder h = { .pid = 0 };
	uint64_t pid;
	if (!inode_in("/proc/net/tcp", port, &inode) && !inode_in("/proc/net/tcp6", port, &inode))
		return false;
	snprintf(socket, sizeof socket, "socket:[%lu]", inode);
	DIR *all = opendir("/proc");
	for (const struct dirent *e; all != NULL && h.pid == 0 && (e = readdir(all)) != NULL;)
		if (!failed(str_number(str_of(e->d_name), INT_MAX, &pid)) && holds(e->d_name, socket)) {
			h.pid = (int)pid;
			read_name(&h, e->d_name);
		}
	if (all != NULL)
		closedir(all);
	*out = h;
	return true;
}
