/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/folders.h"

#include "os/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CLOSED = 0700, WALKABLE = 0711, OTHERS_WRITE = 0022, OTHERS_ANY = 0077 };

static err cannot(struct buf *reason, const char *what, const char *path)
{
	buf_addf(reason, "cannot %s %s: %s", what, path, strerror(errno));
	return FAIL(SYSTEM);
}

static const char *folder_of(str path, struct arena *a)
{
	size_t slash = str_find_last(path, '/');
	if (slash == STR_NONE)
		return ".";
	return arena_copy(a, slash == 0 ? S("/") : str_slice(path, 0, slash)).p;
}

static const char *below(const char *top, const char *name, struct arena *a)
{
	struct buf b = buf_in(a, strlen(top) + strlen(name) + 2);
	buf_addf(&b, "%s/%s", top, name);
	return b.p;
}

static err open_folder(const char *path, int *out, struct buf *reason)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0)
		return cannot(reason, "open the folder", path);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & OTHERS_WRITE) != 0) {
		close(fd);
		buf_addf(reason, "%s must belong to %s and be writable by nobody else", path,
			user_is_root() ? "root" : "the user who starts the server");
		return FAIL(DENIED);
	}
	*out = fd;
	return OK;
}

/* log/ and run/ are made where they are missing; a file system in memory is empty after each start of the machine. */
static err make_and_open(const char *path, int mode, int *out, struct buf *reason)
{
	if (mkdir(path, (mode_t)mode) != 0 && errno != EEXIST)
		return cannot(reason, "make the folder", path);
	return open_folder(path, out, reason);
}

err folders_open(
	const struct conf_server *conf, const char *path, struct arena *a, struct folders *out, struct buf *reason)
{
	struct folders f = { .top = -1, .log = -1, .run = -1, .lock = -1 };
	f.top_path = conf->folder.n > 0 ? conf->folder.p : folder_of(str_of(path), a);
	f.run_path = conf->run_folder.n > 0 ? conf->run_folder.p : below(f.top_path, "run", a);
	f.log_path = conf->log_folder.n > 0 ? conf->log_folder.p : below(f.top_path, "log", a);
	if (arena_spent(a))
		return FAIL(MEMORY);
	TRY(open_folder(f.top_path, &f.top, reason));
	err e = make_and_open(f.run_path, WALKABLE, &f.run, reason);
	if (failed(e)) {
		folders_close(&f);
		return e;
	}
	*out = f;
	return OK;
}

void folders_close(struct folders *f)
{
	fd_close(&f->top);
	fd_close(&f->log);
	fd_close(&f->run);
	fd_close(&f->lock);
}

static pid_t lock_owner(int fd)
{
	char room[24];
	uint64_t pid = 0;
	ssize_t n = pread(fd, room, sizeof room, 0);
	if (n <= 0 || failed(str_number(str_trim(str_from(room, (size_t)n)), INT_MAX, &pid)))
		return 0;
	return (pid_t)pid;
}

err folders_lock(struct folders *f, pid_t *owner, struct buf *reason)
{
	char room[24];
	struct buf number = BUF_ON(room);
	int fd = openat(f->run, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return cannot(reason, "open the lock in", f->run_path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		*owner = lock_owner(fd);
		close(fd);
		if (errno != EWOULDBLOCK)
			return cannot(reason, "lock", f->run_path);
		buf_addf(reason, "another server or command (process %d) uses %s", (int)*owner, f->top_path);
		return FAIL(EXISTS);
	}
	buf_addf(&number, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, room, number.n, 0) != (ssize_t)number.n) {
		close(fd);
		return cannot(reason, "write the lock in", f->run_path);
	}
	f->lock = fd;
	return OK;
}

static err check_owner(int fd, const char *path, const char *name, const struct user *owner, struct buf *reason)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return cannot(reason, "look at", path);
	if (st.st_uid != owner->uid) {
		buf_addf(reason,
			"%s/%s belongs to user %u, not to %u as it should; \"chown -R %u:%u %s/%s\" repairs that", path,
			name, st.st_uid, owner->uid, owner->uid, owner->gid, path, name);
		return FAIL(DENIED);
	}
	if ((st.st_mode & OTHERS_ANY) != 0) {
		buf_addf(reason, "%s/%s is open to others; \"chmod 700 %s/%s\" repairs that", path, name, path, name);
		return FAIL(DENIED);
	}
	return OK;
}

static bool is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *folder = copy >= 0 ? fdopendir(copy) : NULL;
	bool empty = folder != NULL;
	if (folder == NULL) {
		fd_close(&copy);
		return false;
	}
	for (struct dirent *d = readdir(folder); d != NULL && empty; d = readdir(folder))
		empty = str_eq(str_of(d->d_name), S(".")) || str_eq(str_of(d->d_name), S(".."));
	closedir(folder);
	return empty;
}

/* Ours and empty: made, and the power went before it was given away. */
static bool was_left_behind(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && st.st_uid == geteuid() && is_empty(fd);
}

err folder_open_in(
	int parent, const char *path, const char *name, const struct user *owner, int *out, struct buf *reason)
{
	bool made = mkdirat(parent, name, CLOSED) == 0;
	if (!made && errno != EEXIST)
		return cannot(reason, "make a folder in", path);
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return cannot(reason, "open a folder in", path);
	err e = OK;
	if (owner->changes && (made || was_left_behind(fd)) && fchown(fd, owner->uid, owner->gid) != 0)
		e = cannot(reason, "give away a folder in", path);
	if (!failed(e))
		e = check_owner(fd, path, name, owner, reason);
	if (failed(e)) {
		close(fd);
		return e;
	}
	*out = fd;
	return OK;
}

err folder_open(const struct folders *f, const char *name, const struct user *owner, int *out, struct buf *reason)
{
	size_t slash = str_find_last(str_of(f->log_path), '/');
	if (!str_eq(str_of(name), S("log")))
		return folder_open_in(f->top, f->top_path, name, owner, out, reason);
	/* The log may lie elsewhere: its parent is whatever the path says. */
	char parent[PATH_MAX];
	struct buf b = BUF_ON(parent);
	buf_add(&b, slash == STR_NONE ? S(".") : slash == 0 ? S("/") : str_from(f->log_path, slash));
	buf_byte(&b, '\0');
	int fd = b.lost ? -1 : open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cannot(reason, "open the folder of", f->log_path);
	err e = folder_open_in(fd, parent, f->log_path + (slash == STR_NONE ? 0 : slash + 1), owner, out, reason);
	close(fd);
	return e;
}

static err read_all(int fd, size_t longest, struct arena *a, str *out)
{
	struct buf b = buf_in(a, longest + 1);
	ssize_t n = 1;
	while (!b.lost && b.n < b.room && n > 0) {
		n = read(fd, b.p + b.n, b.room - b.n);
		if (n < 0)
			return FAIL(SYSTEM);
		b.n += (size_t)n;
	}
	if (b.lost)
		return FAIL(MEMORY);
	if (b.n > longest)
		return FAIL(LIMIT);
	*out = buf_str(&b);
	return OK;
}

err folder_read(const struct file_wanted *file, struct arena *a, str *out, struct buf *reason)
{
	struct stat st;
	int fd = openat(file->folder, file->name, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		bool missing = errno == ENOENT;
		IGNORE(cannot(reason, "read", file->name)); /* the sentence is what we want of it */
		return missing ? FAIL(ABSENT) : FAIL(SYSTEM);
	}
	err e = fstat(fd, &st) == 0 ? OK : FAIL(SYSTEM);
	if (!failed(e) && S_ISDIR(st.st_mode)) {
		buf_addf(reason, "%s is a folder; a file is wanted", file->name);
		close(fd);
		return FAIL(SYSTEM);
	}
	bool others = (st.st_uid != geteuid() && st.st_uid != 0) || (st.st_mode & OTHERS_ANY) != 0;
	if (!failed(e) && file->secret && others) {
		buf_addf(reason, "%s can be read by others; it must belong to %s, with mode 600", file->name,
			user_is_root() ? "root" : "the user who starts the server");
		e = FAIL(DENIED);
	} else if (!failed(e)) {
		e = read_all(fd, file->longest, a, out);
		if (failed(e))
			buf_addf(reason, "%s cannot be read: %s", file->name, err_text(e));
	}
	close(fd);
	return e;
}
