/* SPDX-License-Identifier: Apache-2.0 */
/* The folders of an installation: who owns them, that nobody else may enter, and that one server at a time uses them. */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"
#include "role/supervisor/users.h"

struct folders {
	int top, log, run; /* descriptors; log and run may lie elsewhere */
	int lock;
	const char *top_path, *log_path, *run_path;
};

/* Opens the installation that the configuration file at path belongs to. Strings live in the arena. reason: one sentence,
 * after any failure. */
err folders_open(
	const struct conf_server *conf, const char *path, struct arena *a, struct folders *out, struct buf *reason);
void folders_close(struct folders *f);

/* ERR_EXISTS: another process holds the installation; *owner is its number, 0 if it cannot be known. The lock ends with
 * this process or with folders_close(). */
err folders_lock(struct folders *f, pid_t *owner, struct buf *reason);

/* A folder by its name ("spool"), made if it is missing; owned by that user, closed to all others. */
err folder_open(const struct folders *f, const char *name, const struct user *owner, int *out, struct buf *reason);
/* The same below an open one, for accounts/<number>; path is for the reason only. Nothing is allocated. */
err folder_open_in(
	int parent, const char *path, const char *name, const struct user *owner, int *out, struct buf *reason);

/* The bytes of a file; a secret one may be readable by its owner only. ERR_ABSENT, ERR_DENIED, ERR_LIMIT, ERR_SYSTEM. */
struct file_wanted {
	int folder;
	const char *name;
	bool secret;
	size_t longest;
};
err folder_read(const struct file_wanted *file, struct arena *a, str *out, struct buf *reason);
