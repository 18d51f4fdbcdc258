/* SPDX-License-Identifier: Apache-2.0 */
/* A file of ours is a small struct in front of the one that SQLite's own Unix layer makes; nearly every call goes
 * straight through. SQLite would call fchown and fchmod on new logs when it runs as root; our files have the right owner
 * and mode from the start, so those calls are replaced by nothing. */
#include "store/sqlite_vfs.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/types.h>

#include "os/random.h"
#include "store/gather.h"
#include "store/sql.h"

enum { FILL_PIECE = 128 << 10 };

bool (*sql_fault)(enum sql_deed deed);

struct file {
	sqlite3_file base;
	sqlite3_file *real;         /* stands right behind this struct */
	struct file *database;      /* of a log: its database; of a database: itself; of others: NULL */
	_Atomic(struct file *) log; /* of a database: its write-ahead log */
	atomic_bool sync_failed;    /* of a database */
	bool is_full;               /* of a database: it, or its log, found no room the last time */
	bool is_shared;             /* of a database: other connections may write its log, too */
	bool is_moving;             /* of a database: a checkpoint moves pages into it */
	struct gather gather;       /* of a log, or of a database during a checkpoint */
};

static sqlite3_vfs *unix_vfs;

static bool has_fault(enum sql_deed deed) { return sql_fault != NULL && sql_fault(deed); }
static struct file *file_of(sqlite3_file *f) { return (struct file *)(void *)f; }
static sqlite3_file *real(sqlite3_file *f) { return file_of(f)->real; }
static bool is_log(const struct file *file) { return file->database != NULL && file->database != file; }

/* SQLite says FULL as well where a damaged file makes it count too far. */
static int note_room(struct file *file, int rc)
{
	if (file->database != NULL)
		file->database->is_full = rc == SQLITE_FULL;
	return rc;
}

static int flush(struct file *file)
{
	return file->gather.count > 0 ? note_room(file, gather_flush(&file->gather, file->real)) : SQLITE_OK;
}

static int file_close(sqlite3_file *f)
{
	struct file *file = file_of(f);
	if (is_log(file))
		atomic_store(&file->database->log, NULL);
	gather_free(&file->gather);
	return file->real->pMethods != NULL ? file->real->pMethods->xClose(file->real) : SQLITE_OK;
}

static int file_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	int rc = gather_flush_for(&file_of(f)->gather, real(f), at, n);
	if (rc != SQLITE_OK)
		note_room(file_of(f), rc);
	if (rc != SQLITE_OK)
		return rc;
	return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int write_or_gather(struct file *file, const void *p, int n, sqlite3_int64 at)
{
	if (has_fault(SQL_DEED_WRITE))
		return SQLITE_FULL;
	if (is_log(file) && !file->database->is_shared)
		return gather_write(&file->gather, file->real, p, n, at);
	if (file->is_moving)
		return gather_page(&file->gather, file->real, p, n, at);
	int rc = gather_flush(&file->gather, file->real);
	return rc != SQLITE_OK ? rc : file->real->pMethods->xWrite(file->real, p, n, at);
}

static int file_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	return note_room(file_of(f), write_or_gather(file_of(f), p, n, at));
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	if (has_fault(SQL_DEED_WRITE))
		return SQLITE_IOERR_TRUNCATE;
	int rc = flush(file_of(f));
	return rc == SQLITE_OK ? real(f)->pMethods->xTruncate(real(f), size) : rc;
}

/* After a failed sync the kernel may have dropped what it could not write, and the next sync would succeed without it:
 * so one failure is remembered for as long as the file is open. */
static int sync_file(struct file *file, int flags)
{
	int rc = has_fault(SQL_DEED_SYNC) ? SQLITE_IOERR_FSYNC : file->real->pMethods->xSync(file->real, flags);
	if (rc != SQLITE_OK && file->database != NULL)
		atomic_store(&file->database->sync_failed, true);
	return rc;
}

static int file_sync(sqlite3_file *f, int flags)
{
	struct file *file = file_of(f);
	int rc = flush(file);
	return rc == SQLITE_OK ? sync_file(file, flags) : rc;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	int rc = flush(file_of(f));
	return rc == SQLITE_OK ? real(f)->pMethods->xFileSize(real(f), size) : rc;
}

static int file_lock(sqlite3_file *f, int how) { return real(f)->pMethods->xLock(real(f), how); }
static int file_unlock(sqlite3_file *f, int how) { return real(f)->pMethods->xUnlock(real(f), how); }
static int file_is_reserved(sqlite3_file *f, int *out) { return real(f)->pMethods->xCheckReservedLock(real(f), out); }

/* What cannot be written at the end of a checkpoint stays gathered for the sync that follows, which then fails. */
static void move_pages(struct file *file, bool begins)
{
	file->is_moving = begins && !file->is_shared;
	if (!begins && flush(file) == SQLITE_OK)
		gather_free(&file->gather);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
	if (op == SQLITE_FCNTL_CKPT_START || op == SQLITE_FCNTL_CKPT_DONE)
		move_pages(file_of(f), op == SQLITE_FCNTL_CKPT_START);
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}
static int file_sector(sqlite3_file *f) { return real(f)->pMethods->xSectorSize(real(f)); }
static int file_traits(sqlite3_file *f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); }

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	file_of(f)->is_shared = true;
	return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f) { real(f)->pMethods->xShmBarrier(real(f)); }
static int file_shm_unmap(sqlite3_file *f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); }

static int file_fetch(sqlite3_file *f, sqlite3_int64 at, int n, void **out)
{
	return real(f)->pMethods->xFetch(real(f), at, n, out);
}

static int file_unfetch(sqlite3_file *f, sqlite3_int64 at, void *p)
{
	return real(f)->pMethods->xUnfetch(real(f), at, p);
}

static const sqlite3_io_methods file_methods = {
	.iVersion = 3,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_is_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_traits,
	.xShmMap = file_shm_map,
	.xShmLock = file_shm_lock,
	.xShmBarrier = file_shm_barrier,
	.xShmUnmap = file_shm_unmap,
	.xFetch = file_fetch,
	.xUnfetch = file_unfetch,
};

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	(void)vfs;
	struct file *file = file_of(f);
	*file = (struct file){ .real = (sqlite3_file *)(void *)(file + 1) };
	int rc = unix_vfs->xOpen(unix_vfs, name, file->real, flags, out_flags);
	if (rc != SQLITE_OK)
		return rc;
	f->pMethods = &file_methods;
	if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
		file->database = file;
	} else if ((flags & SQLITE_OPEN_WAL) != 0) {
		file->database = file_of(sqlite3_database_file_object(name));
		atomic_store(&file->database->log, file);
	}
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	size_t n = strlen(name) + 1;
	if (n > (size_t)size)
		return SQLITE_CANTOPEN;
	memcpy(out, name, n);
	return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	random_bytes(out, (size_t)n);
	return n;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return unix_vfs->xDelete(unix_vfs, name, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs;
	return unix_vfs->xAccess(unix_vfs, name, flags, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	(void)vfs;
	return unix_vfs->xSleep(unix_vfs, microseconds);
}

static int vfs_last_error(sqlite3_vfs *vfs, int n, char *out)
{
	(void)vfs;
	return unix_vfs->xGetLastError(unix_vfs, n, out);
}

static int vfs_time(sqlite3_vfs *vfs, double *days)
{
	(void)vfs;
	return unix_vfs->xCurrentTime(unix_vfs, days);
}

static int vfs_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
	(void)vfs;
	return unix_vfs->xCurrentTimeInt64(unix_vfs, out);
}

static sqlite3_vfs our_vfs = {
	.iVersion = 2,
	.zName = "siegel",
	.xOpen = vfs_open,
	.xDelete = vfs_delete,
	.xAccess = vfs_access,
	.xFullPathname = vfs_full_path,
	.xRandomness = vfs_random,
	.xSleep = vfs_sleep,
	.xCurrentTime = vfs_time,
	.xGetLastError = vfs_last_error,
	.xCurrentTimeInt64 = vfs_time_ms,
};

/* What the Unix layer calls in the place of geteuid: "not root", so it never thinks of fchown. */
static uid_t not_root(void) { return 1; }
static int no_fchmod(int fd, mode_t mode)
{
	(void)fd;
	(void)mode;
	return 0;
}

static sqlite3_mem_methods memory;

static void *fallible_malloc(int n) { return has_fault(SQL_DEED_ALLOCATION) ? NULL : memory.xMalloc(n); }
static void *fallible_realloc(void *p, int n) { return has_fault(SQL_DEED_ALLOCATION) ? NULL : memory.xRealloc(p, n); }

/* Connections are never shared by two threads at once, so they need no locks; nobody asks for statistics. */
static void set_up(void)
{
	sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory);
	sqlite3_mem_methods fallible = memory;
	fallible.xMalloc = fallible_malloc;
	fallible.xRealloc = fallible_realloc;
	sqlite3_config(SQLITE_CONFIG_MALLOC, &fallible);
	sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	sqlite3_config(SQLITE_CONFIG_URI, 0);
	sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0); /* pages one by one, not twenty at once that few need */
	sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);    /* in memory: there is no place for temporary files */
	sqlite3_initialize();
	unix_vfs = sqlite3_vfs_find("unix");
	unix_vfs->xSetSystemCall(unix_vfs, "geteuid", (sqlite3_syscall_ptr)not_root);
	unix_vfs->xSetSystemCall(unix_vfs, "fchmod", (sqlite3_syscall_ptr)no_fchmod);
	our_vfs.szOsFile = (int)sizeof(struct file) + unix_vfs->szOsFile;
	our_vfs.mxPathname = unix_vfs->mxPathname;
	sqlite3_vfs_register(&our_vfs, 0);
}

const char *sqlite_vfs(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, set_up);
	return our_vfs.zName;
}

err sqlite_vfs_sync_log(sqlite3_file *main_file)
{
	struct file *log = atomic_load(&file_of(main_file)->log);
	/* What is committed is not gathered any more. */
	if (log != NULL && sync_file(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY) != SQLITE_OK)
		return FAIL(STORAGE);
	return OK;
}

/* They are behind all that SQLite will read: a frame of zeros has not the salt of its log. */
static int append_zeros(struct file *log, sqlite3_int64 size, sqlite3_int64 *at)
{
	static const char zeros[64 << 10];
	const sqlite3_int64 end = size < *at + FILL_PIECE ? size : *at + FILL_PIECE;
	while (*at < end) {
		int n = end - *at < (sqlite3_int64)sizeof zeros ? (int)(end - *at) : (int)sizeof zeros;
		int rc =
			has_fault(SQL_DEED_WRITE) ? SQLITE_FULL : log->real->pMethods->xWrite(log->real, zeros, n, *at);
		if (rc != SQLITE_OK)
			return rc;
		*at += n;
	}
	return sync_file(log, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

err sqlite_vfs_fill_log(sqlite3_file *main_file, int64_t size, bool *more)
{
	struct file *log = atomic_load(&file_of(main_file)->log);
	sqlite3_int64 at = 0;
	*more = true;
	if (log == NULL)
		return OK;
	if (file_size((sqlite3_file *)log, &at) != SQLITE_OK)
		return FAIL(STORAGE);
	int rc = at < size ? append_zeros(log, size, &at) : SQLITE_OK;
	*more = at < size;
	if (rc == SQLITE_OK)
		return OK;
	return rc == SQLITE_FULL ? FAIL(DISK_FULL) : FAIL(STORAGE);
}

bool sqlite_vfs_is_full(sqlite3_file *main_file) { return file_of(main_file)->is_full; }

bool sqlite_vfs_has_failed(sqlite3_file *main_file) { return atomic_load(&file_of(main_file)->sync_failed); }

void sqlite_vfs_slim(sqlite3_file *main_file)
{
	struct file *log = atomic_load(&file_of(main_file)->log);
	if (log != NULL && log->gather.count == 0)
		gather_free(&log->gather);
}
