/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { OP_add, OP_find, OP_all, OP_remove, OP_broken, OPS };

static const char *const operations[] = {
	[OP_add] = "INSERT INTO pair (name, value) VALUES (?, ?)",
	[OP_find] = "SELECT value FROM pair WHERE name = ?",
	[OP_all] = "SELECT id, name, value FROM pair ORDER BY id",
	[OP_remove] = "DELETE FROM pair",
	[OP_broken] = "SELECT nothing FROM nowhere",
};
static const char *const migrations[] = {
	"CREATE TABLE pair (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, value BLOB)",
	"ALTER TABLE pair ADD COLUMN note TEXT",
	"CREATE TABLE half (x); CREATE TABLE pair (y)",
};
static const struct sql_store first = { 0x51e6e1, 4096, migrations, 1, operations, OP_broken };
static const struct sql_store second = { 0x51e6e1, 4096, migrations, 2, operations, OPS };
static const struct sql_store failing = { 0x51e6e1, 4096, migrations, 3, operations, OPS };
static const struct sql_store other = { 0x123456, 4096, migrations, 2, operations, OPS };

static char folder[64];

static int enter_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "%s/siegel-sql-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(folder) != NULL ? chdir(folder) : -1;
}

static int leave_folder(void **state)
{
	(void)state;
	sql_fault = NULL;
	static const char *const files[] = { "a.db", "a.db-wal", "a.db-shm", "a.db-journal" };
	for (size_t i = 0; i < COUNT(files); i++)
		unlink(files[i]);
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

static struct sql *open_store(const struct sql_store *store, unsigned options)
{
	char text[300];
	struct buf message = BUF_ON(text);
	struct sql *sql = NULL;
	err e = sql_open("a.db", store, options, &message, &sql);
	if (failed(e))
		fail_msg("open: %s: %.*s", err_text(e), ARG(buf_str(&message)));
	return sql;
}

static err add(struct sql *sql, str name, str value)
{
	struct sql_statement *st = sql_use(sql, OP_add);
	sql_bind_text(st, name);
	sql_bind_bytes(st, value);
	return sql_run(st);
}

static unsigned rows(struct sql *sql)
{
	unsigned n = 0;
	bool row = true;
	struct sql_statement *st = sql_use(sql, OP_all);
	for (; !failed(sql_step(st, &row)) && row; n++)
		;
	return n;
}

static void test_values(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		str value;
	} cases[] = {
		{ "absent", { NULL, 0 } },
		{ "empty", { "", 0 } },
		{ "zeros", { "\0a\0", 3 } },
		{ "text", { "text", 4 } },
	};
	struct sql *sql = open_store(&first, SQL_ALONE | SQL_SYNC_COMMITS);
	for (size_t i = 0; i < COUNT(cases); i++) {
		check_err(cases[i].name, add(sql, str_of(cases[i].name), cases[i].value), ERR_NONE);
		struct sql_statement *st = sql_use(sql, OP_find);
		sql_bind_text(st, str_of(cases[i].name));
		check_err(cases[i].name, sql_one(st), ERR_NONE);
		str got = sql_column_bytes(st, 0);
		check_str(cases[i].name, got, cases[i].value);
		assert_int_equal(got.p == NULL, cases[i].value.p == NULL);
		sql_done(st);
	}
	check_err("a second of that name", add(sql, S("text"), NO_STR), ERR_EXISTS);
	assert_non_null(strstr(sql_message(sql), "UNIQUE"));
	struct sql_statement *st = sql_use(sql, OP_find);
	sql_bind_text(st, S("nobody"));
	check_err("no row", sql_one(st), ERR_ABSENT);
	check_err("too few values", sql_run(sql_use(sql, OP_find)), ERR_STATE);
	st = sql_use(sql, OP_all);
	sql_bind_number(st, 1);
	check_err("too many values", sql_run(st), ERR_STATE);
	st = sql_use(sql, OP_find);
	sql_bind_count(st, UINT64_MAX);
	check_err("too large", sql_run(st), ERR_LIMIT);
	sql_close(&sql);
	sql_close(&sql);
}

static void test_transactions(void **state)
{
	(void)state;
	struct sql *sql = open_store(&first, SQL_ALONE);
	check_err("begin", sql_begin(sql), ERR_NONE);
	check_err("begin twice", sql_begin(sql), ERR_STATE);
	check_err("add", add(sql, S("a"), NO_STR), ERR_NONE);
	check_err("the failure comes back", sql_end(sql, FAIL(LIMIT)), ERR_LIMIT);
	assert_int_equal(rows(sql), 0);
	check_err("begin again", sql_begin(sql), ERR_NONE);
	check_err("add", add(sql, S("a"), NO_STR), ERR_NONE);
	check_err("commit", sql_end(sql, OK), ERR_NONE);
	check_err("sync", sql_sync(sql), ERR_NONE);
	assert_int_equal(rows(sql), 1);
	assert_true(sql_log_pages(sql) > 0);
	check_err("checkpoint", sql_checkpoint(sql), ERR_NONE);
	assert_int_equal(sql_log_pages(sql), 0);
	check_err("check", sql_check(sql), ERR_NONE);
	sql_close(&sql);
	sql = open_store(&first, SQL_ALONE | SQL_MUST_EXIST);
	assert_int_equal(rows(sql), 1);
	sql_close(&sql);
	struct stat file;
	assert_int_equal(stat("a.db", &file), 0);
	assert_int_equal(file.st_mode & 0777, 0600);
}

/* A log that is kept is empty after the end, and is opened the next time; other logs are gone. */
static void test_kept_log(void **state)
{
	(void)state;
	struct stat log;
	struct sql *sql = open_store(&first, SQL_ALONE | SQL_KEEP_LOG);
	check_err("add", add(sql, S("a"), NO_STR), ERR_NONE);
	assert_int_equal(stat("a.db-wal", &log), 0);
	assert_true(log.st_size > 0);
	sql_close(&sql);
	assert_int_equal(stat("a.db-wal", &log), 0);
	assert_int_equal(log.st_size, 0);
	assert_int_equal(log.st_mode & 0777, 0600);
	sql = open_store(&first, SQL_ALONE);
	assert_int_equal(rows(sql), 1);
	check_err("add", add(sql, S("b"), NO_STR), ERR_NONE);
	sql_close(&sql);
	assert_int_equal(access("a.db-wal", F_OK), -1);
}

/* Zeros behind the frames of a log are no frames, neither now nor after a kill. */
static void test_filled_log(void **state)
{
	(void)state;
	struct stat log;
	pid_t child = fork();
	if (child == 0) {
		bool more = true;
		unsigned pieces = 0;
		struct sql *sql = open_store(&first, SQL_ALONE | SQL_SYNC_COMMITS);
		check_err("add", add(sql, S("a"), NO_STR), ERR_NONE);
		for (; more; pieces++)
			check_err("fill", sql_fill_log(sql, (5 << 20) / 2, &more), ERR_NONE);
		assert_int_equal(pieces, 20);
		assert_int_equal(rows(sql), 1);
		check_err("checkpoint", sql_checkpoint(sql), ERR_NONE);
		check_err("add", add(sql, S("b"), NO_STR), ERR_NONE);
		assert_int_equal(stat("a.db-wal", &log), 0);
		assert_int_equal(log.st_size, (5 << 20) / 2);
		_exit(0);
	}
	int status = 1;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	struct sql *sql = open_store(&first, SQL_ALONE | SQL_MUST_EXIST);
	assert_int_equal(rows(sql), 2);
	check_err("check", sql_check(sql), ERR_NONE);
	sql_close(&sql);
}

static void test_two_connections(void **state)
{
	(void)state;
	struct sql *a = open_store(&first, SQL_SYNC_COMMITS), *b = open_store(&first, SQL_SYNC_COMMITS);
	check_err("one writes", add(a, S("a"), NO_STR), ERR_NONE);
	assert_int_equal(rows(b), 1);
	check_err("one writes", sql_begin(a), ERR_NONE);
	check_err("one writes", add(a, S("b"), NO_STR), ERR_NONE);
	check_err("the other moves the log", sql_checkpoint(b), ERR_NONE);
	check_err("one commits", sql_end(a, OK), ERR_NONE);
	assert_int_equal(rows(b), 2);
	sql_close(&b);
	sql_close(&a);
}

static void test_versions(void **state)
{
	(void)state;
	struct sql *sql = open_store(&first, SQL_ALONE);
	check_err("add", add(sql, S("kept"), S("value")), ERR_NONE);
	check_err("all its operations", sql_prepare_all(sql), ERR_NONE);
	sql_close(&sql);
	char text[300];
	struct buf message = BUF_ON(text);
	check_err("a migration that fails", sql_open("a.db", &failing, 0, &message, &sql), ERR_STORAGE);
	assert_true(message.n > 0);
	sql = open_store(&second, SQL_ALONE);
	assert_int_equal(rows(sql), 1);
	check_err("one of its operations is wrong", sql_prepare_all(sql), ERR_STORAGE);
	sql_close(&sql);
	check_err("a newer schema", sql_open("a.db", &first, SQL_ALONE, NULL, &sql), ERR_UNSUPPORTED);
	check_err("another store's", sql_open("a.db", &other, SQL_ALONE, NULL, &sql), ERR_UNSUPPORTED);
	check_err("none there", sql_open("b.db", &first, SQL_MUST_EXIST, NULL, &sql), ERR_ABSENT);
	assert_null(sql);
}

static void test_damage(void **state)
{
	(void)state;
	struct sql *sql = open_store(&first, SQL_ALONE);
	for (int i = 0; i < 2000; i++) {
		char name[20];
		struct buf b = BUF_ON(name);
		buf_number(&b, (uint64_t)i);
		check_err("add", add(sql, buf_str(&b), S("a value that fills some room in the pages of the file")),
			ERR_NONE);
	}
	sql_close(&sql);
	FILE *f = fopen("a.db", "r+");
	static const char noise[4096] = { 7 };
	for (int page = 2; page < 12; page++) {
		fseek(f, page * 4096, SEEK_SET);
		fwrite(noise, sizeof noise, 1, f);
	}
	fclose(f);
	sql = open_store(&first, SQL_ALONE);
	check_err("check", sql_check(sql), ERR_DAMAGED);
	sql_close(&sql);
	f = fopen("a.db", "r+");
	fwrite(noise, sizeof noise, 1, f);
	fclose(f);
	check_err("not a database", sql_open("a.db", &first, SQL_ALONE, NULL, &sql), ERR_DAMAGED);
}

static struct {
	enum sql_deed deed;
	unsigned countdown;
	bool struck;
} fault;

static bool strike(enum sql_deed deed)
{
	if (deed != fault.deed || --fault.countdown > 0)
		return false;
	fault.struck = true;
	fault.countdown = 1; /* and so it stays */
	return true;
}

static void test_full_disk_while_it_is_filled(void **state)
{
	(void)state;
	bool more = false;
	struct sql *sql = open_store(&first, SQL_ALONE | SQL_SYNC_COMMITS);
	check_err("add", add(sql, S("a"), NO_STR), ERR_NONE);
	fault.deed = SQL_DEED_WRITE;
	fault.countdown = 3;
	sql_fault = strike;
	check_err("some", sql_fill_log(sql, 1 << 20, &more), ERR_NONE);
	check_err("full", sql_fill_log(sql, 1 << 20, &more), ERR_DISK_FULL);
	assert_true(more);
	sql_fault = NULL;
	while (more)
		check_err("room again", sql_fill_log(sql, 1 << 20, &more), ERR_NONE);
	check_err("add", add(sql, S("b"), NO_STR), ERR_NONE);
	assert_int_equal(rows(sql), 2);
	sql_close(&sql);
}

/* That there is no number left is no matter of room: nothing in a sound store comes near that. */
static void test_full_without_a_full_disk(void **state)
{
	static const char *const to_the_brim[] = {
		"CREATE TABLE brim (id INTEGER PRIMARY KEY AUTOINCREMENT);"
		"INSERT INTO brim VALUES (9223372036854775807);",
	};
	static const char *const one_more[] = { "INSERT INTO brim DEFAULT VALUES" };
	const struct sql_store brim = { .application_id = 77,
		.page_size = 4096,
		.migrations = to_the_brim,
		.migration_count = 1,
		.operations = one_more,
		.operation_count = 1 };
	(void)state;
	struct sql *sql = open_store(&brim, SQL_ALONE);
	check_err("no number", sql_run(sql_use(sql, 0)), ERR_DAMAGED);
	sql_close(&sql);
}

/* Three rows in a transaction, from the opening of the file on, with the n-th deed and all later ones failing: until n is
 * larger than what it takes. Afterwards all three rows are there or none. */
static void fail_every(enum sql_deed deed, const char *name)
{
	for (unsigned n = 1;; n++) {
		struct sql *sql = open_store(&first, SQL_ALONE);
		check_err(name, sql_run(sql_use(sql, OP_remove)), ERR_NONE);
		sql_close(&sql);
		fault.deed = deed;
		fault.countdown = n;
		fault.struck = false;
		sql_fault = strike;
		err e = sql_open("a.db", &first, SQL_ALONE | SQL_SYNC_COMMITS, NULL, &sql);
		if (!failed(e)) {
			e = sql_begin(sql);
			if (!failed(e)) {
				e = add(sql, S("a"), NO_STR);
				e = failed(e) ? e : add(sql, S("b"), NO_STR);
				e = failed(e) ? e : add(sql, S("c"), NO_STR);
				e = sql_end(sql, e);
			}
			e = failed(e) ? e : sql_checkpoint(sql);
			sql_close(&sql);
		}
		sql_fault = NULL;
		sql = open_store(&first, SQL_ALONE);
		unsigned found = rows(sql);
		check_err(name, sql_check(sql), ERR_NONE);
		sql_close(&sql);
		if (found != 0 && found != 3)
			fail_msg("%s %u: got %u rows, want 0 or 3", name, n, found);
		if (!failed(e) && found != 3)
			fail_msg("%s %u: success with %u rows", name, n, found);
		if (!fault.struck)
			break;
		if (n > 5000)
			fail_msg("%s: no end", name);
	}
}

static void test_faults(void **state)
{
	(void)state;
	fail_every(SQL_DEED_WRITE, "write");
	fail_every(SQL_DEED_SYNC, "sync");
	fail_every(SQL_DEED_ALLOCATION, "allocation");
}

static void test_sync_failure_sticks(void **state)
{
	(void)state;
	struct sql *sql = open_store(&first, SQL_ALONE);
	check_err("add", add(sql, S("a"), NO_STR), ERR_NONE);
	fault.deed = SQL_DEED_SYNC;
	fault.countdown = 1;
	sql_fault = strike;
	check_err("sync", sql_sync(sql), ERR_STORAGE);
	sql_fault = NULL;
	check_err("sync again", sql_sync(sql), ERR_STORAGE);
	check_err("write", add(sql, S("b"), NO_STR), ERR_STORAGE);
	check_err("begin", sql_begin(sql), ERR_STORAGE);
	assert_int_equal(rows(sql), 1);
	sql_close(&sql);
}

static err add_many(struct sql *sql, char kind, unsigned count, size_t size, bool keep)
{
	static char bytes[5000];
	err e = sql_begin(sql);
	for (unsigned i = 0; !failed(e) && i < count; i++) {
		char name[16];
		snprintf(name, sizeof name, "%c%u", kind, i);
		e = add(sql, str_of(name), (str){ bytes, size });
	}
	return sql_end(sql, failed(e) || keep ? e : FAIL(STATE));
}

/* How many pages it takes to delete 20 values of ten pages each. */
static unsigned pages_of_removal(unsigned options)
{
	static char bytes[40000];
	struct sql *sql = open_store(&first, SQL_ALONE | options);
	check_err("begin", sql_begin(sql), ERR_NONE);
	for (char name = 'a'; name < 'a' + 20; name++)
		check_err("add", add(sql, str_from(&name, 1), (str){ bytes, sizeof bytes }), ERR_NONE);
	check_err("end", sql_commit(sql), ERR_NONE);
	check_err("move", sql_checkpoint(sql), ERR_NONE);
	check_err("remove", sql_run(sql_use(sql, OP_remove)), ERR_NONE);
	unsigned pages = sql_log_pages(sql);
	sql_close(&sql);
	return pages;
}

static void test_freed_pages(void **state)
{
	(void)state;
	int64_t frame = 0;
	unsigned pages = pages_of_removal(SQL_LEAVE_FREED);
	if (pages > 20)
		fail_msg("%u pages were written to free 200", pages);
	struct sql *sql = open_store(&first, SQL_ALONE);
	check_err("frame", sql_log_frame(sql, &frame), ERR_NONE);
	assert_int_equal(frame, 4096 + 24);
	sql_close(&sql);
}

/* Transactions larger and smaller than what is kept in memory, given up ones and ones for which there was no room. */
static unsigned work(struct sql *sql)
{
	struct rlimit limit;
	getrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_IGN);
	unsigned wrong = 0;
	wrong |= failed(add(sql, S("one"), NO_STR)) ? 1 : 0;
	wrong |= failed(add_many(sql, 'a', 300, 5000, true)) ? 2 : 0;
	wrong |= add_many(sql, 'b', 300, 5000, false).code != ERR_STATE ? 4 : 0;
	wrong |= failed(add_many(sql, 'c', 3, 10, true)) ? 8 : 0;
	setrlimit(RLIMIT_FSIZE, &(struct rlimit){ .rlim_cur = 2 << 20, .rlim_max = limit.rlim_max });
	wrong |= !failed(add_many(sql, 'd', 300, 5000, true)) ? 16 : 0;
	setrlimit(RLIMIT_FSIZE, &limit);
	wrong |= failed(add_many(sql, 'e', 20, 5000, true)) ? 32 : 0;
	wrong |= failed(add(sql, S("two"), NO_STR)) ? 64 : 0;
	return wrong;
}

/* What was committed is in the file, not only in memory: a process that just ends loses nothing. */
static void test_killed(void **state)
{
	(void)state;
	static const unsigned options[] = { SQL_ALONE, SQL_ALONE | SQL_SYNC_COMMITS, SQL_SYNC_COMMITS };
	for (size_t i = 0; i < COUNT(options); i++) {
		pid_t child = fork();
		if (child == 0)
			_exit((int)work(open_store(&first, options[i])));
		int status = -1;
		waitpid(child, &status, 0);
		if (status != 0)
			fail_msg("options %u: child ended with %x", options[i], (unsigned)status);
		struct sql *sql = open_store(&first, SQL_ALONE);
		check_err("check", sql_check(sql), ERR_NONE);
		unsigned found = rows(sql);
		if (found != 325)
			fail_msg("options %u: got %u rows, want 325", options[i], found);
		check_err("remove", sql_run(sql_use(sql, OP_remove)), ERR_NONE);
		sql_close(&sql);
	}
}

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, enter_folder, leave_folder)
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_values),
		WITH_FOLDER(test_transactions),
		WITH_FOLDER(test_kept_log),
		WITH_FOLDER(test_filled_log),
		WITH_FOLDER(test_full_disk_while_it_is_filled),
		WITH_FOLDER(test_full_without_a_full_disk),
		WITH_FOLDER(test_two_connections),
		WITH_FOLDER(test_versions),
		WITH_FOLDER(test_damage),
		WITH_FOLDER(test_faults),
		WITH_FOLDER(test_sync_failure_sticks),
		WITH_FOLDER(test_freed_pages),
		WITH_FOLDER(test_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
