/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite in WAL mode. What a connection is told at its start, and why:
 *
 *   locking_mode EXCLUSIVE  (SQL_ALONE) the index of the log lives in our own memory, not in a shared file
 *   synchronous             FULL syncs the log at each commit; NORMAL leaves that to sql_sync()
 *   PERSIST_WAL (SQL_KEEP_LOG) the log is emptied at the end and not removed, to be made anew a minute later
 *   our own wal_hook        there is no checkpoint but sql_checkpoint()
 *   journal_size_limit      a log that once grew shrinks again
 *   temp_store MEMORY       nothing is ever written outside the store's folder
 *   cell_size_check, trusted_schema, DEFENSIVE
 *                           a damaged or forged file is an error, not an adventure
 *   auto_vacuum INCREMENTAL room of deleted mail can be given back
 *   secure_delete FAST      (SQL_LEAVE_FREED) a library that writes zeros over what is deleted, as Debian's, does so only
 *                           in pages that are written in any case
 */
#include "store/sqlite_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/sqlite_vfs.h"

enum {
	BUSY_MS = 5000,
	CACHE_KIB = 256,
	CACHE_LARGE_KIB = 8192,
	LOG_LIMIT = 4 << 20,
	LOOKASIDE_SIZE = 512,
	LOOKASIDE_COUNT = 48,
	ARENA_BUDGET = 1 << 20,
	FRAME_HEADER = 24, /* in front of each page of the log: SQLite file format 4.1 */
};

static err err_of(const struct sql *sql, int rc)
{
	int system = sql->db != NULL ? sqlite3_system_errno(sql->db) : 0;
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return OK;
	case SQLITE_FULL:
		return sql->file == NULL || sqlite_vfs_is_full(sql->file) ? FAIL(DISK_FULL) : FAIL(DAMAGED);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return FAIL(DAMAGED);
	case SQLITE_NOMEM:
		return FAIL(MEMORY);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return FAIL(BUSY);
	case SQLITE_TOOBIG:
		return FAIL(LIMIT);
	case SQLITE_CONSTRAINT:
		if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
			rc == SQLITE_CONSTRAINT_ROWID)
			return FAIL(EXISTS);
		return FAIL(STORAGE);
	default:
		if (system == ENOSPC || system == EDQUOT)
			return FAIL(DISK_FULL);
		return rc == SQLITE_IOERR_NOMEM ? FAIL(MEMORY) : FAIL(STORAGE);
	}
}

err sql_fail_with(struct sql *sql, int rc)
{
	err e = err_of(sql, rc);
	if (failed(e)) {
		struct buf b = { .p = sql->message, .room = sizeof sql->message - 1 };
		str words = str_of(sqlite3_errmsg(sql->db));
		buf_add(&b, str_slice(words, 0, SQL_MESSAGE_MAX - 20));
		buf_addf(&b, " (%d)", rc);
		sql->message[b.n] = '\0';
	}
	return e;
}

static err exec(struct sql *sql, const char *text)
{
	return sql_fail_with(sql, sqlite3_exec(sql->db, text, NULL, NULL, NULL));
}

/* The first column of the first row, or 0. */
static err ask(struct sql *sql, const char *text, int64_t *out)
{
	sqlite3_stmt *st = NULL;
	TRY(sql_fail_with(sql, sqlite3_prepare_v2(sql->db, text, -1, &st, NULL)));
	int rc = sqlite3_step(st);
	int64_t value = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	err e = sql_fail_with(sql, rc);
	sqlite3_finalize(st);
	if (!failed(e))
		*out = value;
	return e;
}

static int after_commit(void *ctx, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	struct sql *sql = ctx;
	sql->log_pages = (unsigned)pages;
	return SQLITE_OK;
}

/* SQLite would make the file with mode 0644 and trust the umask. */
static err make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0)
		close(fd);
	else if (errno == ENOSPC || errno == EDQUOT)
		return FAIL(DISK_FULL);
	else if (errno != EEXIST)
		return FAIL(STORAGE);
	return OK;
}

static err open_file(struct sql *sql, const char *path, unsigned options)
{
	if ((options & SQL_MUST_EXIST) == 0)
		TRY(make_file(path));
	else if (access(path, F_OK) != 0 && errno == ENOENT)
		return FAIL(ABSENT);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	int rc = sqlite3_open_v2(path, &sql->db, flags, sqlite_vfs());
	if (sql->db == NULL)
		return FAIL(MEMORY);
	TRY(sql_fail_with(sql, rc));
	sqlite3_extended_result_codes(sql->db, 1);
	sqlite3_busy_timeout(sql->db, BUSY_MS);
	sqlite3_db_config(sql->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SIZE, LOOKASIDE_COUNT);
	sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_file_control(sql->db, "main", SQLITE_FCNTL_FILE_POINTER, &sql->file);
	sqlite3_db_config(sql->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(sql->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
	TRY(exec(sql, "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY"));
	if ((options & SQL_KEEP_LOG) != 0) {
		int keep = 1;
		sqlite3_file_control(sql->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	}
	if ((options & SQL_ALONE) != 0)
		TRY(exec(sql, "PRAGMA locking_mode = EXCLUSIVE"));
	return OK;
}

/* A file that is empty, or was left by a crash before its first schema, is nobody's yet. */
static err look_whose(struct sql *sql, unsigned *version)
{
	int64_t id, user_version, tables = 0;
	TRY(ask(sql, "PRAGMA application_id", &id));
	TRY(ask(sql, "PRAGMA user_version", &user_version));
	bool is_new = id == 0 && user_version == 0;
	if (is_new)
		TRY(ask(sql, "SELECT count(*) FROM sqlite_schema", &tables));
	if ((!is_new || tables > 0) && id != (int64_t)sql->store->application_id)
		return FAIL(UNSUPPORTED);
	if (user_version < 0 || user_version > (int64_t)sql->store->migration_count)
		return FAIL(UNSUPPORTED);
	*version = (unsigned)user_version;
	return OK;
}

static err make_wal(struct sql *sql, unsigned version)
{
	char text[160];
	struct buf b = BUF_ON(text);
	if (version == 0)
		buf_addf(&b, "PRAGMA page_size = %u; PRAGMA auto_vacuum = INCREMENTAL;", sql->store->page_size);
	buf_addf(&b, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL%c", '\0');
	return exec(sql, text);
}

static err migrate(struct sql *sql, unsigned version)
{
	for (; version < sql->store->migration_count; version++) {
		char mark[120];
		struct buf b = BUF_ON(mark);
		buf_addf(&b, "PRAGMA application_id = %u; PRAGMA user_version = %u%c", sql->store->application_id,
			version + 1, '\0');
		TRY(sql_begin(sql));
		err e = exec(sql, sql->store->migrations[version]);
		if (!failed(e))
			e = exec(sql, mark);
		TRY(sql_end(sql, e));
	}
	return OK;
}

static err settle(struct sql *sql, unsigned options)
{
	bool is_large = (options & SQL_CACHE_LARGE) != 0;
	char text[200];
	struct buf b = BUF_ON(text);
	buf_addf(&b, "PRAGMA cache_size = -%d; PRAGMA journal_size_limit = %d; PRAGMA synchronous = %s%s%c",
		is_large ? CACHE_LARGE_KIB : CACHE_KIB, is_large ? SQL_LOG_KEPT : LOG_LIMIT,
		(options & SQL_SYNC_COMMITS) != 0 ? "FULL" : "NORMAL",
		(options & SQL_LEAVE_FREED) != 0 ? "; PRAGMA secure_delete = FAST" : "", '\0');
	return exec(sql, text);
}

static err bring_up(struct sql *sql, const char *path, unsigned options)
{
	unsigned version = 0;
	TRY(open_file(sql, path, options));
	err e = look_whose(sql, &version);
	if (failed(e)) {
		/* A log that somebody else left is not ours to move. */
		sqlite3_db_config(sql->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		return e;
	}
	TRY(make_wal(sql, version));
	sqlite3_wal_hook(sql->db, after_commit, sql);
	TRY(sql_fail_with(
		sql, sqlite3_prepare_v3(sql->db, "BEGIN IMMEDIATE", -1, SQLITE_PREPARE_PERSISTENT, &sql->begin, NULL)));
	TRY(sql_fail_with(
		sql, sqlite3_prepare_v3(sql->db, "COMMIT", -1, SQLITE_PREPARE_PERSISTENT, &sql->commit, NULL)));
	TRY(migrate(sql, version));
	return settle(sql, options);
}

err sql_open(const char *path, const struct sql_store *store, unsigned options, struct buf *message, struct sql **out)
{
	struct arena *arena = arena_new("sql", ARENA_BUDGET);
	struct sql *sql = NEW(arena, struct sql, 1);
	struct sql_statement *statements = NEW(arena, struct sql_statement, store->operation_count);
	if (arena_spent(arena)) {
		arena_free(&arena);
		return FAIL(MEMORY);
	}
	*sql = (struct sql){ .store = store, .arena = arena, .statements = statements };
	for (unsigned i = 0; i < store->operation_count; i++)
		statements[i].sql = sql;
	err e = bring_up(sql, path, options);
	if (failed(e)) {
		if (message != NULL)
			buf_add(message, str_of(sql->message));
		sql_close(&sql);
		return e;
	}
	*out = sql;
	return OK;
}

void sql_close(struct sql **sql)
{
	if (*sql == NULL)
		return;
	for (unsigned i = 0; i < (*sql)->store->operation_count; i++)
		sqlite3_finalize((*sql)->statements[i].prepared);
	sqlite3_finalize((*sql)->begin);
	sqlite3_finalize((*sql)->commit);
	if ((*sql)->file != NULL && sqlite_vfs_has_failed((*sql)->file))
		sqlite3_db_config((*sql)->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close((*sql)->db);
	struct arena *arena = (*sql)->arena;
	arena_free(&arena);
	*sql = NULL;
}

const char *sql_message(const struct sql *sql) { return sql->message; }

int64_t sql_last_row(const struct sql *sql) { return sqlite3_last_insert_rowid(sql->db); }
uint64_t sql_changes(const struct sql *sql) { return (uint64_t)sqlite3_changes64(sql->db); }

static err run(struct sql *sql, sqlite3_stmt *st)
{
	err e = sql_fail_with(sql, sqlite3_step(st));
	sqlite3_reset(st);
	return e;
}

err sql_begin(struct sql *sql)
{
	if (!sqlite3_get_autocommit(sql->db))
		return FAIL(STATE);
	if (sqlite_vfs_has_failed(sql->file))
		return FAIL(STORAGE);
	return run(sql, sql->begin);
}

err sql_commit(struct sql *sql)
{
	err e = sqlite_vfs_has_failed(sql->file) ? FAIL(STORAGE) : run(sql, sql->commit);
	if (failed(e))
		sql_rollback(sql);
	return e;
}

void sql_rollback(struct sql *sql)
{
	if (!sqlite3_get_autocommit(sql->db))
		sqlite3_exec(sql->db, "ROLLBACK", NULL, NULL, NULL);
}

err sql_end(struct sql *sql, err e)
{
	if (!failed(e))
		return sql_commit(sql);
	sql_rollback(sql);
	return e;
}

err sql_sync(struct sql *sql)
{
	if (sqlite_vfs_has_failed(sql->file))
		return FAIL(STORAGE);
	return sqlite_vfs_sync_log(sql->file);
}

unsigned sql_log_pages(const struct sql *sql) { return sql->log_pages; }

err sql_log_frame(struct sql *sql, int64_t *out)
{
	int64_t page_size;
	TRY(ask(sql, "PRAGMA page_size", &page_size));
	*out = page_size + FRAME_HEADER;
	return OK;
}

err sql_checkpoint(struct sql *sql)
{
	if (sqlite_vfs_has_failed(sql->file))
		return FAIL(STORAGE);
	int pages = 0, moved = 0;
	int rc = sqlite3_wal_checkpoint_v2(sql->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved);
	if (rc == SQLITE_BUSY)
		return OK; /* somebody else is at it */
	TRY(sql_fail_with(sql, rc));
	sql->log_pages = (unsigned)(pages > moved ? pages - moved : 0);
	return OK;
}

err sql_fill_log(struct sql *sql, int64_t size, bool *more)
{
	if (sqlite_vfs_has_failed(sql->file))
		return FAIL(STORAGE);
	return sqlite_vfs_fill_log(sql->file, size, more);
}

err sql_check(struct sql *sql)
{
	sqlite3_stmt *st = NULL;
	TRY(sql_fail_with(sql, sqlite3_prepare_v2(sql->db, "PRAGMA quick_check(1)", -1, &st, NULL)));
	int rc = sqlite3_step(st);
	err e = sql_fail_with(sql, rc);
	if (rc == SQLITE_ROW && !str_eq(str_of((const char *)sqlite3_column_text(st, 0)), S("ok")))
		e = FAIL(DAMAGED);
	sqlite3_finalize(st);
	return e;
}
