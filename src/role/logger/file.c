/* SPDX-License-Identifier: Apache-2.0 */
#include "role/logger/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "os/fd.h"

enum { DAY_MS = 86400000, LOOK_MS = 1000 };

static const char current[] = "siegel.log";

static void day_name(char *room, int64_t day)
{
	struct tm t;
	time_t seconds = (time_t)(day * 86400);
	gmtime_r(&seconds, &t);
	snprintf(room, LOG_FILE_NAME, "siegel-%04d-%02d-%02d.log", (t.tm_year + 1900) % 10000, t.tm_mon + 1, t.tm_mday);
}

static bool is_dated(const char *name)
{
	str s = str_of(name);
	return s.n == 21 && str_starts(s, S("siegel-")) && str_ends(s, S(".log"));
}

static int by_name(const void *a, const void *b) { return strcmp(a, b); }

size_t log_files(char (*names)[LOG_FILE_NAME], size_t most)
{
	size_t n = 0;
	DIR *folder = opendir(".");
	if (folder == NULL)
		return 0;
	for (struct dirent *entry; n + 1 < most && (entry = readdir(folder)) != NULL;)
		if (is_dated(entry->d_name))
			snprintf(names[n++], LOG_FILE_NAME, "%.21s", entry->d_name);
	closedir(folder);
	qsort(names, n, sizeof *names, by_name);
	snprintf(names[n++], LOG_FILE_NAME, "%s", current);
	return n;
}

static void remove_old(const struct log_file *f)
{
	static char names[LOG_FILES_MAX][LOG_FILE_NAME];
	char oldest[LOG_FILE_NAME];
	if (f->retention_days == 0)
		return;
	day_name(oldest, f->day - (int64_t)f->retention_days);
	size_t n = log_files(names, LOG_FILES_MAX);
	for (size_t i = 0; i + 1 < n && strcmp(names[i], oldest) < 0; i++)
		unlink(names[i]);
}

static err open_current(struct log_file *f)
{
	struct stat st;
	fd_close(&f->fd);
	f->fd = openat(AT_FDCWD, current, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (f->fd < 0 || fstat(f->fd, &st) != 0)
		return FAIL(SYSTEM);
	f->inode = st.st_ino;
	/* After a stop over midnight the file is still yesterday's. */
	if (st.st_size > 0)
		f->day = st.st_mtime / 86400;
	return OK;
}

static err rotate(struct log_file *f, int64_t today)
{
	char name[LOG_FILE_NAME];
	struct stat st;
	day_name(name, f->day);
	if (stat(name, &st) != 0 && rename(current, name) != 0 && errno != ENOENT)
		return FAIL(SYSTEM);
	TRY(open_current(f));
	f->day = today;
	remove_old(f);
	return OK;
}

err log_file_open(struct log_file *f, uint64_t retention_days, int64_t utc_ms)
{
	*f = (struct log_file){ .fd = -1, .retention_days = retention_days, .day = utc_ms / DAY_MS };
	TRY(open_current(f));
	remove_old(f);
	return OK;
}

/* A file that was moved away or removed is not ours any more. */
static err look(struct log_file *f, int64_t utc_ms)
{
	struct stat st;
	if (f->fd >= 0 && utc_ms >= f->looked_at && utc_ms - f->looked_at < LOOK_MS)
		return OK;
	f->looked_at = utc_ms;
	if (f->fd < 0 || stat(current, &st) != 0 || st.st_ino != f->inode)
		TRY(open_current(f));
	return f->day != utc_ms / DAY_MS ? rotate(f, utc_ms / DAY_MS) : OK;
}

/* A line that fitted in part is taken back, or the next one would go on with it. If it cannot be, it ends where it is. */
static size_t whole_lines(const struct log_file *f, str written)
{
	struct stat st;
	size_t end = str_find_last(written, '\n');
	size_t whole = end == STR_NONE ? 0 : end + 1;
	if (written.n > whole &&
		(fstat(f->fd, &st) != 0 || ftruncate(f->fd, st.st_size - (off_t)(written.n - whole)) != 0))
		return written.n;
	return whole;
}

err log_file_write(struct log_file *f, str *lines, int64_t utc_ms)
{
	TRY(look(f, utc_ms));
	for (size_t at = 0; at < lines->n;) {
		ssize_t n = write(f->fd, lines->p + at, lines->n - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err e = errno == ENOSPC || errno == EDQUOT ? FAIL(DISK_FULL) : FAIL(SYSTEM);
			*lines = str_after(*lines, whole_lines(f, str_from(lines->p, at)));
			return e;
		}
		at += (size_t)n;
	}
	*lines = str_after(*lines, lines->n);
	return OK;
}
