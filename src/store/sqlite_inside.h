/* SPDX-License-Identifier: Apache-2.0 */
/* A store's connection: sqlite.c opens it and keeps its transactions and its log, sqlite_statement.c runs its operations. */
#pragma once
#include "base/arena.h"
#include "store/sql.h"
#include "store/sqlite_vfs.h"

enum { SQL_MESSAGE_MAX = 256 };

struct sql_statement {
	struct sql *sql;
	sqlite3_stmt *prepared;
	int bound;
	err e;
};

struct sql {
	sqlite3 *db;
	sqlite3_file *file;
	const struct sql_store *store;
	struct arena *arena;
	struct sql_statement *statements;
	sqlite3_stmt *begin, *commit;
	unsigned log_pages;
	char message[SQL_MESSAGE_MAX];
};

/* What a result of SQLite's means; the words of a failure are kept for sql_message(). */
err sql_fail_with(struct sql *sql, int rc);
