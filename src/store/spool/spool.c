/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/clock.h"
#include "store/spool/file.h"
#include "store/spool/internal.h"
#include "store/spool/salvage.h"

#define QUEUE "queue.db"

enum {
	APPLICATION = 0x51e65b01,
	CHECK_MAX = 64 << 20, /* larger files are not read to their end at start */
	PAGE = 4096,
	LOG_MAX = 95 << 20, /* bytes: everybody waits while they are moved, but most loads end before */
	LOG_SHORT = 3 << 20,
	LOG_QUIET = 400 << 10,
	LOG_SHARE = 8, /* of the room on the disk, one part in as many at most is the log's */
	ARENA_BUDGET = 4096,
	NAMES_MAX = 100, /* damaged stores of one second */
};

_Static_assert((int)LOG_MAX < (int)SQL_LOG_KEPT, "what is filled once stays filled");

/* clang-format off */
static const char *const operations[] = {
#define OPERATION(name, text) [SPOOL_##name] = text,
#include "store/spool/operations.def"
#undef OPERATION
};
static const char *const migrations[] = {
	/* Bodies have a table of their own, so that walking the messages does not read them. The indexes cover one state
	 * each: a message on its way to a mailbox costs one entry, and a million for other servers none of those. */
	"CREATE TABLE message (id INTEGER PRIMARY KEY, number BLOB NOT NULL UNIQUE, sender TEXT NOT NULL,"
	" account INTEGER NOT NULL, received INTEGER NOT NULL, size INTEGER NOT NULL, flags INTEGER NOT NULL,"
	" body INTEGER NOT NULL, ret INTEGER NOT NULL, envid TEXT NOT NULL);"
	"CREATE TABLE body (message INTEGER PRIMARY KEY, bytes BLOB NOT NULL);"
	"CREATE TABLE recipient (message INTEGER NOT NULL, position INTEGER NOT NULL, account INTEGER NOT NULL,"
	" domain TEXT NOT NULL, address TEXT NOT NULL, detail TEXT NOT NULL, notify INTEGER NOT NULL, orcpt TEXT NOT NULL,"
	" state INTEGER NOT NULL, attempts INTEGER NOT NULL, due INTEGER NOT NULL, reason TEXT NOT NULL,"
	" PRIMARY KEY (message, position)) WITHOUT ROWID;"
	"CREATE INDEX recipient_waiting ON recipient (account, message, position) WHERE state = 0;"
	"CREATE INDEX recipient_deferred ON recipient (due, account) WHERE state = 1;"
	"CREATE INDEX recipient_remote ON recipient (domain, due) WHERE state = 3;",
	/* What other servers said, and how long to leave one alone. */
	"ALTER TABLE recipient ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE recipient ADD COLUMN cause INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE recipient ADD COLUMN code INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE recipient ADD COLUMN status TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE recipient ADD COLUMN host TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE recipient ADD COLUMN noted INTEGER NOT NULL DEFAULT 0;"
	"DROP INDEX recipient_remote;"
	"CREATE INDEX recipient_due ON recipient (domain, priority, due) WHERE state = 3;"
	"CREATE TABLE destination (name TEXT PRIMARY KEY, failures INTEGER NOT NULL, until INTEGER NOT NULL,"
	" cause INTEGER NOT NULL, code INTEGER NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, host TEXT NOT NULL)"
	" WITHOUT ROWID;",
	"CREATE INDEX recipient_braked ON recipient (message) WHERE state = 4;",
	/* From here on message.account may name a local user (message.c). */
	"CREATE INDEX message_local ON message (account) WHERE account > 4294967295;",
	/* Of the body: SQLite does not see that a page of it was changed. -1: it came in before there was one. */
	"ALTER TABLE message ADD COLUMN checksum INTEGER NOT NULL DEFAULT -1;",
	/* For a domain of ours whose mailboxes are on an inner server. */
	"ALTER TABLE recipient ADD COLUMN is_inner INTEGER NOT NULL DEFAULT 0;",
	/* What is forwarded: by which forward, who gets it when it cannot leave, and the sender that it leaves with. */
	"ALTER TABLE recipient ADD COLUMN forward INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE recipient ADD COLUMN keeper INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE recipient ADD COLUMN sender TEXT NOT NULL DEFAULT '';",
	/* A domain in capitals was not found again under its name in lower case. */
	"UPDATE recipient SET domain = lower(domain) WHERE state IN (2, 3, 4) AND domain <> lower(domain);",
};
/* clang-format on */

const struct sql_store spool_store = {
	.application_id = APPLICATION,
	.page_size = PAGE,
	.migrations = migrations,
	.migration_count = sizeof migrations / sizeof *migrations,
	.operations = operations,
	.operation_count = SPOOL_OPERATIONS,
};

static err find_highest(struct spool *sp)
{
	struct sql_statement *st = sql_use(sp->sql, SPOOL_message_highest);
	TRY(sql_one(st));
	int64_t highest = sql_column_number(st, 0);
	sql_done(st);
	if (highest == INT64_MAX)
		return FAIL(DAMAGED);
	if (sp->next <= highest)
		sp->next = highest + 1;
	return OK;
}

static struct spool *spool_new(int64_t next)
{
	struct arena *a = arena_new("spool", ARENA_BUDGET);
	struct spool *sp = NEW(a, struct spool, 1);
	*sp = (struct spool){ .arena = a, .next = next, .first = next, .due = INT64_MAX };
	return sp;
}

/* A log that is still there means that the last process did not close the store. */
static bool ended_unclean(void)
{
	struct stat log, file;
	return stat(QUEUE "-wal", &log) == 0 && log.st_size > 0 && stat(QUEUE, &file) == 0 && file.st_size <= CHECK_MAX;
}

static void look_for_room(struct spool *sp)
{
	uint64_t left = 0;
	sp->has_room = !failed(spool_free(&left)) && left / LOG_SHARE > LOG_MAX;
}

static err open_store(struct spool *sp)
{
	bool look = ended_unclean();
	TRY(sql_open(
		QUEUE, &spool_store, SQL_SYNC_COMMITS | SQL_ALONE | SQL_CACHE_LARGE | SQL_LEAVE_FREED, NULL, &sp->sql));
	if (look)
		TRY(sql_check(sp->sql));
	TRY(sql_prepare_all(sp->sql));
	TRY(sql_log_frame(sp->sql, &sp->frame));
	TRY(find_highest(sp));
	TRY(spool_find_due(sp));
	look_for_room(sp);
	return spool_folder_sync(); /* a new file has its name for good */
}

static bool rename_with_log(const char *to)
{
	char log[64];
	snprintf(log, sizeof log, "%s-wal", to);
	if (access(to, F_OK) == 0)
		return false;
	/* The log first: without it the store is older than what was promised, without the store it is nothing. */
	if (rename(QUEUE "-wal", log) != 0 && errno != ENOENT)
		return false;
	return rename(QUEUE, to) == 0;
}

static err set_aside(void)
{
	struct tm t;
	time_t now = (time_t)clock_utc_seconds();
	gmtime_r(&now, &t);
	for (unsigned i = 0; i < NAMES_MAX; i++) {
		char stamp[32], name[56];
		strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &t);
		snprintf(name, sizeof name, SALVAGE_DAMAGED "%s-%02u.db", stamp, i);
		if (rename_with_log(name))
			return OK;
	}
	return FAIL(STORAGE);
}

/* True for the failures that a new file would not share. An open file that fails for any other reason is set aside too:
 * nothing of it is lost, since it is read again at once. */
static bool is_damage(err e) { return e.code == ERR_DAMAGED || e.code == ERR_STORAGE || e.code == ERR_STATE; }

static err remove_orphan(struct spool *sp, const char *name)
{
	uint8_t number[SPOOL_NUMBER];
	if (!spool_file_is(str_of(name), number))
		return OK;
	struct sql_statement *st = sql_use(sp->sql, SPOOL_message_find);
	sql_bind_bytes(st, str_from((const char *)number, sizeof number));
	err e = sql_one(st);
	sql_done(st);
	if (e.code != ERR_ABSENT)
		return e;
	spool_file_remove(number);
	return OK;
}

err spool_sweep(struct spool *sp)
{
	err e = OK;
	if (salvage_remains())
		return OK;
	DIR *folder = opendir(".");
	if (folder == NULL)
		return FAIL(STORAGE);
	for (struct dirent *d = readdir(folder); d != NULL && !failed(e); d = readdir(folder))
		e = remove_orphan(sp, d->d_name);
	closedir(folder);
	return e;
}

err spool_open(int64_t least, struct spool **out, bool *damaged)
{
	struct spool *sp = spool_new(least + 1);
	bool aside = false;
	err e = open_store(sp);
	if (is_damage(e)) {
		sql_close(&sp->sql);
		e = set_aside();
		aside = !failed(e);
		if (aside)
			e = open_store(sp);
	}
	if (failed(e)) {
		spool_close(&sp);
		return e;
	}
	*damaged = aside;
	*out = sp;
	return OK;
}

err spool_open_old(const char *name, struct spool **out)
{
	struct spool *sp = spool_new(0);
	err e = sql_open(name, &spool_store, SQL_ALONE | SQL_MUST_EXIST, NULL, &sp->sql);
	if (!failed(e))
		e = sql_prepare_all(sp->sql);
	if (failed(e)) {
		spool_close(&sp);
		return e;
	}
	*out = sp;
	return OK;
}

err spool_set_aside(struct spool **spool)
{
	int64_t least = (*spool)->next - 1;
	bool damaged;
	spool_close(spool);
	TRY(set_aside());
	return spool_open(least, spool, &damaged);
}

void spool_close(struct spool **spool)
{
	if (*spool == NULL)
		return;
	sql_close(&(*spool)->sql);
	struct arena *a = (*spool)->arena;
	*spool = NULL;
	arena_free(&a);
}

const char *spool_complaint(const struct spool *spool) { return sql_message(spool->sql); }

err spool_begin(struct spool *spool) { return sql_begin(spool->sql); }
err spool_commit(struct spool *spool) { return sql_commit(spool->sql); }
void spool_rollback(struct spool *spool) { sql_rollback(spool->sql); }

bool spool_is_untidy(const struct spool *spool, bool is_quiet)
{
	const int64_t most = spool->has_room ? LOG_MAX : LOG_SHORT;
	return sql_log_pages(spool->sql) * spool->frame >= (is_quiet ? LOG_QUIET : most);
}

err spool_fill_log(struct spool *spool, bool *more)
{
	look_for_room(spool);
	*more = false;
	return spool->has_room ? sql_fill_log(spool->sql, LOG_MAX, more) : OK;
}

err spool_tidy(struct spool *spool, bool is_quiet)
{
	if (!spool_is_untidy(spool, is_quiet))
		return OK;
	look_for_room(spool);
	return sql_checkpoint(spool->sql);
}

void spool_slim(struct spool *spool) { sql_slim(spool->sql); }

int64_t spool_last_id(const struct spool *spool) { return spool->next - 1; }
