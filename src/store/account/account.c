/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing, syncing, and the counters that never go back. The file says whether it was closed in good order. If
 * it was, its counters are exact. If not, something may have been shown to a client that is not in the file any more, and
 * all counters go on from the marks, below which everything was that can ever have been shown. The first change after
 * the opening therefore takes the word "clean" back and syncs, as does each change that moves a mark. */
#include <sys/eventfd.h>

#include "os/clock.h"
#include "os/fd.h"
#include "proto/imap/create.h"
#include "store/account/inside.h"

enum {
	TIDY_PAGES = 1000, /* of the log: 4 MiB */
	ARENA_BUDGET = 64 << 10,
};

void account_lock(struct account *a) { pthread_mutex_lock(&a->lock); }
void account_unlock(struct account *a) { pthread_mutex_unlock(&a->lock); }

err change_run(struct account *a, enum account_operation operation, int64_t number)
{
	struct sql_statement *st = sql_use(a->sql, operation);
	sql_bind_number(st, number);
	return sql_run(st);
}

err change_run_two(struct account *a, enum account_operation operation, int64_t first, int64_t second)
{
	struct sql_statement *st = sql_use(a->sql, operation);
	sql_bind_number(st, first);
	sql_bind_number(st, second);
	return sql_run(st);
}

err change_begin(struct account *a)
{
	TRY(sql_begin(a->sql));
	a->must_sync = false;
	a->was_clean = a->is_clean;
	a->new_mark = a->modseq_mark;
	if (!a->is_clean)
		return OK;
	err e = sql_run(sql_use(a->sql, ACCOUNT_store_in_use));
	if (failed(e)) {
		sql_rollback(a->sql);
		return e;
	}
	a->is_clean = false;
	a->must_sync = true;
	return OK;
}

void account_wake(struct account *a)
{
	if (!atomic_exchange(&a->dirty, true))
		eventfd_write(a->dirty_fd, 1);
}

err change_end(struct account *a, err e)
{
	e = sql_end(a->sql, e);
	if (failed(e)) {
		a->is_clean = a->was_clean;
		return e;
	}
	a->modseq_mark = a->new_mark;
	if (a->must_sync)
		return sql_sync(a->sql);
	account_wake(a);
	return OK;
}

err change_modseq(struct account *a, uint64_t *out)
{
	uint64_t modseq = a->modseq + 1;
	if (modseq > a->new_mark) {
		TRY(change_run(a, ACCOUNT_store_modseq_mark, (int64_t)(modseq + MODSEQ_STEP)));
		a->new_mark = modseq + MODSEQ_STEP;
		a->must_sync = true;
	}
	a->modseq = modseq;
	*out = modseq;
	return OK;
}

/* Never the same twice for an account; the time makes it probable even for one that was restored from an old copy. */
err change_uidvalidity(struct account *a, uint32_t *out)
{
	int64_t now = clock_utc_seconds();
	uint32_t value = a->uidvalidity + 1;
	if (now > (int64_t)value && now <= UINT32_MAX)
		value = (uint32_t)now;
	TRY(change_run(a, ACCOUNT_store_uidvalidity, value));
	a->uidvalidity = value;
	a->must_sync = true;
	*out = value;
	return OK;
}

static err recover(struct account *a)
{
	TRY(sql_begin(a->sql));
	a->modseq = a->modseq_mark;
	err e = change_run(a, ACCOUNT_folders_recover, (int64_t)a->modseq);
	TRY(sql_end(a->sql, e));
	return sql_sync(a->sql);
}

static err read_store(struct account *a)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_store_read);
	err e = sql_one(st);
	if (failed(e))
		return e.code == ERR_ABSENT ? FAIL(DAMAGED) : e;
	a->is_clean = sql_column_number(st, 0) != 0;
	a->modseq = sql_column_count(st, 1);
	a->modseq_mark = sql_column_count(st, 2);
	a->uidvalidity = (uint32_t)sql_column_count(st, 3);
	sql_done(st);
	st = sql_use(a->sql, ACCOUNT_usage);
	TRY(sql_one(st));
	a->bytes = sql_column_count(st, 0);
	a->messages = sql_column_count(st, 1);
	a->folder_count = (unsigned)sql_column_count(st, 2);
	sql_done(st);
	st = sql_use(a->sql, ACCOUNT_parts_highest);
	TRY(sql_one(st));
	a->next_id = sql_column_number(st, 0) + 1;
	sql_done(st);
	return OK;
}

static err make_first_folders(struct account *a)
{
	static const struct {
		str name;
		unsigned uses;
	} folders[] = {
		{ S("Drafts"), IMAP_USE_DRAFTS },
		{ S("Sent"), IMAP_USE_SENT },
		{ S("Junk"), IMAP_USE_JUNK },
		{ S("Trash"), IMAP_USE_TRASH },
		{ S("Archive"), IMAP_USE_ARCHIVE },
		{ S("INBOX"), 0 },
	};
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		struct folder_status there; /* from before a crash; it has its use already */
		uint32_t uidvalidity;
		err e = account_folder(a, folders[i].name, &there);
		if (e.code == ERR_ABSENT)
			e = account_create(a, folders[i].name, folders[i].uses, &uidvalidity);
		TRY(e);
		TRY(account_subscribe(a, folders[i].name, true));
	}
	return OK;
}

static err bring_up(struct account *a, const char *path, struct buf *message)
{
	TRY(sql_open(path, &account_store, SQL_ALONE | SQL_KEEP_LOG, message, &a->sql));
	TRY(read_store(a));
	if (!a->is_clean)
		TRY(recover(a));
	/* INBOX is made last of all: a crash in between begins again. */
	struct folder_status inbox;
	err e = account_folder(a, S("INBOX"), &inbox);
	if (failed(e) && e.code == ERR_ABSENT)
		e = make_first_folders(a);
	return e;
}

err account_open(const char *path, unsigned folders_max, struct buf *message, struct account **out)
{
	struct arena *arena = arena_new("account", ARENA_BUDGET);
	struct account *a = NEW(arena, struct account, 1);
	struct pack *pack = pack_new(arena);
	if (arena_spent(arena)) {
		arena_free(&arena);
		return FAIL(MEMORY);
	}
	a->arena = arena;
	a->pack = pack;
	a->folders_max = folders_max;
	a->has_unused = true;
	a->dirty_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&a->lock, NULL);
	err e = a->dirty_fd < 0 ? FAIL(SYSTEM) : bring_up(a, path, message);
	if (failed(e)) {
		account_close(&a);
		return e;
	}
	*out = a;
	return OK;
}

void account_close(struct account **account)
{
	struct account *a = *account;
	if (a == NULL)
		return;
	image_drop_unused(a);
	if (a->sql != NULL && !a->is_clean && !failed(sql_begin(a->sql))) {
		err e = change_run(a, ACCOUNT_store_clean, (int64_t)a->modseq);
		e = sql_end(a->sql, e);
		if (!failed(e))
			IGNORE(sql_sync(a->sql)); /* then the marks hold */
	}
	sql_close(&a->sql);
	pack_slim(a->pack);
	fd_close(&a->dirty_fd);
	pthread_mutex_destroy(&a->lock);
	struct arena *arena = a->arena;
	arena_free(&arena);
	*account = NULL;
}

void account_message(struct account *a, struct buf *out)
{
	account_lock(a);
	buf_add(out, str_of(sql_message(a->sql)));
	account_unlock(a);
}

err account_sync(struct account *a)
{
	bool was = atomic_exchange(&a->dirty, false);
	err e = sql_sync(a->sql);
	if (failed(e) && was)
		atomic_store(&a->dirty, true);
	return e;
}

bool account_is_dirty(const struct account *a) { return atomic_load(&a->dirty); }
int account_dirty_fd(const struct account *a) { return a->dirty_fd; }

err account_tidy(struct account *a)
{
	bool left = true;
	while (left) {
		account_lock(a);
		err e = content_sweep(a, &left);
		account_unlock(a);
		TRY(e);
	}
	account_lock(a);
	err e = sql_log_pages(a->sql) >= TIDY_PAGES ? sql_checkpoint(a->sql) : OK;
	account_unlock(a);
	return e;
}

void account_slim(struct account *a)
{
	account_lock(a);
	image_drop_unused(a);
	pack_slim(a->pack);
	sql_slim(a->sql);
	account_unlock(a);
}

err account_check(struct account *a)
{
	account_lock(a);
	err e = sql_check(a->sql);
	account_unlock(a);
	return e;
}

void account_usage(struct account *a, uint64_t *bytes, uint64_t *messages)
{
	account_lock(a);
	*bytes = a->bytes;
	*messages = a->messages;
	account_unlock(a);
}

err account_has_taken(struct account *a, const struct delivery_name *name, bool *out)
{
	account_lock(a);
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_taken_has);
	sql_bind_bytes(st, (str){ (const char *)name->transaction, sizeof name->transaction });
	sql_bind_number(st, name->recipient);
	bool row;
	err e = sql_step(st, &row);
	sql_done(st);
	account_unlock(a);
	if (!failed(e))
		*out = row;
	return e;
}

err account_forget_taken(struct account *a, int64_t before)
{
	account_lock(a);
	err e = change_begin(a);
	if (!failed(e))
		e = change_end(a, change_run(a, ACCOUNT_taken_forget, before));
	account_unlock(a);
	return e;
}
