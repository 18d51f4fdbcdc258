/* SPDX-License-Identifier: Apache-2.0 */
/* The thin layer over an embedded SQL database. A store is a closed list of operations, written down in operations.def as
 *
 *	OPERATION(account_find, "SELECT id, state FROM account WHERE login = ?")
 *
 * prepared when first used, kept as long as the connection. Nothing else can be run: no SQL is built at run time.
 *
 *	struct sql_statement *st = sql_use(sql, DIRECTORY_account_find);
 *	sql_bind_text(st, login);
 *	TRY(sql_one(st));                       ERR_ABSENT: no such row
 *	id = sql_column_number(st, 0);
 *	sql_done(st);
 *
 * Errors stick to the statement and come out of sql_step, sql_one or sql_run:
 *   ERR_DISK_FULL  no space left; nothing was changed
 *   ERR_EXISTS     a UNIQUE or PRIMARY KEY rule was broken
 *   ERR_DAMAGED    the file is not what it should be
 *   ERR_MEMORY     SQLite found no memory
 *   ERR_BUSY       another connection writes (only without SQL_ALONE; waits five seconds before)
 *   ERR_STATE      the number of values bound is not the number of question marks, or a transaction in a transaction
 *   ERR_LIMIT      a value is too large
 *   ERR_STORAGE    anything else
 *
 * A connection and its statements belong to one thread at a time; sql_sync may be called by another thread meanwhile.
 * Paths are relative to the current folder and stay so; parent folders may be closed to the process. */
#pragma once
#include "base/buf.h"
#include "base/str.h"

struct sql;
struct sql_statement;

/* What a store is. All of it static. */
struct sql_store {
	uint32_t application_id; /* marks the file as this store's */
	uint32_t page_size;      /* bytes; set when the file is made, and kept as it was then */
	const char *const
		*migrations; /* the n-th takes schema n to schema n + 1: SQL that only adds, run in one transaction */
	unsigned migration_count;      /* = the newest schema's number */
	const char *const *operations; /* their SQL, by the numbers of the store's enum */
	unsigned operation_count;
};

/* The two lists from the store's operations.def:
 *
 *	enum { #define OPERATION(name, text) SPOOL_##name, … SPOOL_OPERATIONS };
 *	static const char *const operations[] = { #define OPERATION(name, text) [SPOOL_##name] = text, … };
 */

enum sql_option {
	SQL_SYNC_COMMITS = 1 << 0, /* each commit is durable when it returns; otherwise only after sql_sync() */
	SQL_ALONE = 1 << 1, /* the only connection of the only process: no shared memory file, fewer system calls */
	SQL_CACHE_LARGE = 1 << 2, /* 8 MiB of pages instead of 256 KiB */
	SQL_MUST_EXIST = 1 << 3,  /* ERR_ABSENT instead of making a new file */
	SQL_KEEP_LOG = 1 << 4,    /* an emptied log stays when it is closed; for what is opened and closed often */
	SQL_LEAVE_FREED =
		1 << 5, /* a page that becomes free keeps its bytes until it is used again, and is not written */
};

/* With SQL_CACHE_LARGE: so many bytes of a log that begins anew keep their blocks. Giving them back makes a commit wait. */
enum { SQL_LOG_KEPT = 100 << 20 };

/* Opens or makes the file (0600), makes it WAL, migrates it. ERR_UNSUPPORTED: its schema is newer than ours, or it
 * belongs to another store; it is not written to then. ERR_ABSENT, ERR_DAMAGED, ERR_DISK_FULL, ERR_STORAGE. message, which
 * may be NULL, is given the database's own words for a failure. */
err sql_open(const char *path, const struct sql_store *store, unsigned options, struct buf *message, struct sql **out);
/* Rolls an open transaction back, checkpoints if it is the last connection, closes. Accepts NULL behind the pointer. */
void sql_close(struct sql **sql);

/* The database's own words about the last failure on this connection, for the log; "" before any. */
const char *sql_message(const struct sql *sql);

/* The statement of an operation, reset, without values. Never NULL. */
struct sql_statement *sql_use(struct sql *sql, unsigned operation);

/* The value of the next question mark. Text and bytes are not copied: they stay valid until sql_done() or sql_run(). */
void sql_bind_number(struct sql_statement *st, int64_t value);
void sql_bind_count(struct sql_statement *st, uint64_t value); /* ERR_LIMIT above INT64_MAX */
void sql_bind_text(struct sql_statement *st, str value);       /* absent: NULL */
void sql_bind_bytes(struct sql_statement *st, str value);      /* absent: NULL */
void sql_bind_null(struct sql_statement *st);

/* The next row; *row is false when there is none, and then and after a failure the statement is done. */
err sql_step(struct sql_statement *st, bool *row);
/* The first row, which must be there: ERR_ABSENT. */
err sql_one(struct sql_statement *st);
/* For what gives no rows. */
err sql_run(struct sql_statement *st);
/* Resets the statement and forgets its values; what a statement reads is locked until then. */
void sql_done(struct sql_statement *st);

/* Columns of the row, from 0. Views are valid until the next call on the statement. */
int64_t sql_column_number(struct sql_statement *st, int column); /* 0 for NULL */
uint64_t sql_column_count(struct sql_statement *st, int column); /* 0 for NULL and below */
str sql_column_bytes(struct sql_statement *st, int column);      /* also text; NO_STR for NULL */
bool sql_column_is_null(struct sql_statement *st, int column);

/* Of the last INSERT; rows changed by the last INSERT, UPDATE or DELETE. */
int64_t sql_last_row(const struct sql *sql);
uint64_t sql_changes(const struct sql *sql);

/* A write transaction. Every operation outside of one is a transaction of its own. sql_end commits if e is no failure,
 * else rolls back and returns e; a failed commit is rolled back. */
err sql_begin(struct sql *sql);
err sql_commit(struct sql *sql);
void sql_rollback(struct sql *sql);
err sql_end(struct sql *sql, err e);

/* All that was committed before this call is durable when it returns. After a failure nobody knows what is: from then on
 * every commit and sync fails with ERR_STORAGE, until the file is opened anew. Any thread. */
err sql_sync(struct sql *sql);

/* Pages in the write-ahead log after the last commit. */
unsigned sql_log_pages(const struct sql *sql);
/* Bytes that each of them takes there. */
err sql_log_frame(struct sql *sql, int64_t *out);
/* Moves what it can of the write-ahead log to the file, without waiting for readers or writers, and syncs it. Nothing
 * does this by itself. From a thread of its own give it a connection of its own. */
err sql_checkpoint(struct sql *sql);
/* Makes the log longer by zeros, up to that size and an eighth of a mebibyte with each call, and syncs them: a commit that writes over
 * them has no new blocks to find, and takes half the time. *more: it is not yet as long. ERR_DISK_FULL, ERR_STORAGE. */
err sql_fill_log(struct sql *sql, int64_t size, bool *more);

/* Gives back pages and memory that are only kept for speed; no statement may be in use. */
void sql_slim(struct sql *sql);

/* Whether the whole file is sound: ERR_DAMAGED. Reads all of it. */
err sql_check(struct sql *sql);
/* Prepares every operation: for the tests of a store. */
err sql_prepare_all(struct sql *sql);

/* Asked before each write, sync and allocation when set: a true answer makes it fail (a write with "no space left"). Only
 * tests set it. */
enum sql_deed { SQL_DEED_WRITE, SQL_DEED_SYNC, SQL_DEED_ALLOCATION };
extern bool (*sql_fault)(enum sql_deed deed);
