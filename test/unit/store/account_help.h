/* SPDX-License-Identifier: Apache-2.0 */
/* An account in a folder of its own, messages to put into it, and what must hold of its file. */
#pragma once
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "store/account_folder.h"
#include "store/sql.h"

static char folder[64];
static struct arena *arena;

static inline int enter_folder(void **state)
{
	(void)state;
	/* Memory, where there is a file system in it: these tests sync thousands of times. */
	snprintf(
		folder, sizeof folder, "%s/siegel-account-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	arena = arena_new("test", 64 << 20);
	return mkdtemp(folder) != NULL ? chdir(folder) : -1;
}

static inline int leave_folder(void **state)
{
	(void)state;
	sql_fault = NULL;
	arena_free(&arena);
	unlink("account.db");
	unlink("account.db-wal");
	unlink("account.db-journal");
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

static inline struct account *open_account(void)
{
	char text[300];
	struct buf message = BUF_ON(text);
	struct account *a = NULL;
	err e = account_open("account.db", 100, &message, &a);
	if (failed(e))
		fail_msg("open: %s: %.*s", err_text(e), ARG(buf_str(&message)));
	return a;
}

#define HEADER "Subject: hello\r\nFrom: a@example.org\r\n\r\n"

static inline struct new_message message_of(str text)
{
	static const struct message_parts parts = {
		.envelope = { "(envelope)", 10 },
		.bodystructure = { "(structure)", 11 },
		.body = { "(body)", 6 },
		.tree = { "tree", 4 },
		.header_size = sizeof HEADER - 1,
		.has_date = true,
		.date = 1000,
		.date_zone = 120,
	};
	return (struct new_message){ .text = text, .parts = &parts, .seconds = 12345, .zone_minutes = -60 };
}

static inline str text_of(size_t body_size)
{
	struct buf b = buf_in(arena, sizeof HEADER + body_size + 64);
	buf_add(&b, S(HEADER));
	size_t end = b.n + body_size;
	while (b.n < end)
		buf_addf(&b, "line %zu\r\n", b.n);
	return str_slice(buf_str(&b), 0, end);
}

static inline err append(struct account *a, const char *name, str text, uint32_t *uid)
{
	uint32_t uidvalidity;
	struct new_message m = message_of(text);
	return account_append(a, str_of(name), &m, &uidvalidity, uid);
}

static inline struct folder *open_folder(struct account *a, const char *name)
{
	struct folder *f = NULL;
	uint32_t recent;
	check_err(name, folder_open(a, str_of(name), true, &f, &recent), ERR_NONE);
	return f;
}

static inline int64_t ask(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	assert_int_equal(sqlite3_open_v2("account.db", &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* What must hold of a closed account whatever happened to it: each query finds no offender. */
static inline void check_sound(const char *name)
{
	static const char *const offenders[] = {
		"SELECT count(*) FROM folder WHERE messages <> (SELECT count(*) FROM message WHERE folder = folder.id)",
		"SELECT count(*) FROM folder WHERE unseen <> (SELECT count(*) FROM message WHERE folder = folder.id "
		"AND "
		"(flags & 8) = 0)",
		"SELECT count(*) FROM folder WHERE bytes <> (SELECT coalesce(sum(size), 0) FROM message WHERE folder = "
		"folder.id)",
		"SELECT count(*) FROM folder WHERE recent <> (SELECT count(*) FROM message WHERE folder = folder.id "
		"AND uid "
		">= recent_from)",
		"SELECT count(*) FROM folder, message WHERE folder = id AND uid >= uid_next",
		"SELECT count(*) FROM folder WHERE uid_next > uid_mark + 1",
		"SELECT count(*) FROM parts WHERE refs <> (SELECT count(*) FROM message WHERE message = parts.id)",
		"SELECT count(*) FROM message WHERE message NOT IN (SELECT id FROM parts)",
		"SELECT count(*) FROM header WHERE id >> 16 NOT IN (SELECT id FROM parts)",
		"SELECT count(*) FROM body WHERE id >> 16 NOT IN (SELECT id FROM parts)",
		"SELECT count(*) FROM folder, store WHERE folder.modseq > modseq_mark",
		"SELECT count(*) FROM message JOIN folder ON folder = folder.id WHERE message.modseq > folder.modseq",
		"SELECT count(*) FROM message WHERE folder NOT IN (SELECT id FROM folder)",
	};
	for (size_t i = 0; i < COUNT(offenders); i++)
		if (ask(offenders[i]) != 0)
			fail_msg("%s: found some: %s", name, offenders[i]);
}
