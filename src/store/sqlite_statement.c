/* SPDX-License-Identifier: Apache-2.0 */
/* Operations: each is prepared when it is first used, and again after sql_slim(). What goes wrong while values are bound
 * sticks, and is told by the step. */
#include "store/sqlite_inside.h"

struct sql_statement *sql_use(struct sql *sql, unsigned operation)
{
	struct sql_statement *st = &sql->statements[operation];
	if (st->prepared == NULL) {
		const char *text = sql->store->operations[operation];
		st->e = sql_fail_with(
			sql, sqlite3_prepare_v3(sql->db, text, -1, SQLITE_PREPARE_PERSISTENT, &st->prepared, NULL));
		st->bound = 0;
		return st;
	}
	sql_done(st);
	return st;
}

static void note(struct sql_statement *st, int rc)
{
	if (rc == SQLITE_RANGE)
		st->e = FAIL(STATE);
	else if (rc != SQLITE_OK)
		st->e = sql_fail_with(st->sql, rc);
}

void sql_bind_number(struct sql_statement *st, int64_t value)
{
	if (!failed(st->e))
		note(st, sqlite3_bind_int64(st->prepared, ++st->bound, value));
}

void sql_bind_count(struct sql_statement *st, uint64_t value)
{
	if (value > INT64_MAX && !failed(st->e))
		st->e = FAIL(LIMIT);
	sql_bind_number(st, (int64_t)value);
}

void sql_bind_text(struct sql_statement *st, str value)
{
	if (!failed(st->e))
		note(st, sqlite3_bind_text64(st->prepared, ++st->bound, value.p, value.n, SQLITE_STATIC, SQLITE_UTF8));
}

void sql_bind_bytes(struct sql_statement *st, str value)
{
	if (!failed(st->e))
		note(st, sqlite3_bind_blob64(st->prepared, ++st->bound, value.p, value.n, SQLITE_STATIC));
}

void sql_bind_null(struct sql_statement *st)
{
	if (!failed(st->e))
		note(st, sqlite3_bind_null(st->prepared, ++st->bound));
}

/* An operation outside a transaction that writes is a commit, too. */
static bool may_run(const struct sql_statement *st)
{
	return !sqlite_vfs_has_failed(st->sql->file) || sqlite3_stmt_readonly(st->prepared) != 0;
}

err sql_step(struct sql_statement *st, bool *row)
{
	if (!failed(st->e) && st->bound != sqlite3_bind_parameter_count(st->prepared))
		st->e = FAIL(STATE);
	if (!failed(st->e) && !may_run(st))
		st->e = FAIL(STORAGE);
	int rc = SQLITE_DONE;
	if (!failed(st->e)) {
		rc = sqlite3_step(st->prepared);
		st->e = sql_fail_with(st->sql, rc);
	}
	err e = st->e;
	if (rc != SQLITE_ROW)
		sql_done(st);
	if (!failed(e))
		*row = rc == SQLITE_ROW;
	return e;
}

err sql_one(struct sql_statement *st)
{
	bool row;
	TRY(sql_step(st, &row));
	return row ? OK : FAIL(ABSENT);
}

err sql_run(struct sql_statement *st)
{
	bool row;
	err e = sql_step(st, &row);
	sql_done(st);
	return e;
}

void sql_done(struct sql_statement *st)
{
	if (st->prepared != NULL) {
		sqlite3_reset(st->prepared);
		if (st->bound > 0)
			sqlite3_clear_bindings(st->prepared);
	}
	st->bound = 0;
	st->e = OK;
}

int64_t sql_column_number(struct sql_statement *st, int column) { return sqlite3_column_int64(st->prepared, column); }

uint64_t sql_column_count(struct sql_statement *st, int column)
{
	int64_t value = sqlite3_column_int64(st->prepared, column);
	return value > 0 ? (uint64_t)value : 0;
}

str sql_column_bytes(struct sql_statement *st, int column)
{
	if (sql_column_is_null(st, column))
		return NO_STR;
	const char *p = sqlite3_column_blob(st->prepared, column);
	int n = sqlite3_column_bytes(st->prepared, column);
	return p != NULL && n > 0 ? (str){ p, (size_t)n } : S("");
}

bool sql_column_is_null(struct sql_statement *st, int column)
{
	return sqlite3_column_type(st->prepared, column) == SQLITE_NULL;
}

/* Prepared operations are most of what an idle connection holds: they are prepared again when they are used. */
void sql_slim(struct sql *sql)
{
	for (unsigned i = 0; i < sql->store->operation_count; i++) {
		sqlite3_finalize(sql->statements[i].prepared);
		sql->statements[i] = (struct sql_statement){ .sql = sql };
	}
	sqlite3_db_release_memory(sql->db);
	sqlite_vfs_slim(sql->file);
}

err sql_prepare_all(struct sql *sql)
{
	for (unsigned i = 0; i < sql->store->operation_count; i++) {
		struct sql_statement *st = sql_use(sql, i);
		TRY(st->e);
	}
	return OK;
}
