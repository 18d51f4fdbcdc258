/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/inside.h"

#include "os/random.h"

enum { ARENA_BUDGET = 1 << 30, SCRATCH_BUDGET = 4 << 20, LOG_PAGES = 1000 };

err directory_account_new(struct directory *d, uint32_t number, struct directory_account **out)
{
	uint32_t chunk = number / CHUNK_ACCOUNTS;
	if (number == 0 || chunk >= CHUNKS)
		return FAIL(LIMIT);
	if (d->chunks[chunk] == NULL)
		d->chunks[chunk] = NEW(d->arena, struct directory_account, CHUNK_ACCOUNTS);
	if (d->chunks[chunk] == NULL)
		return FAIL(MEMORY);
	if (number > d->highest)
		d->highest = number;
	*out = &d->chunks[chunk][number % CHUNK_ACCOUNTS];
	**out = (struct directory_account){ .number = number, .language = LANGUAGE_CONFIGURED };
	return OK;
}

struct directory_account *directory_account(struct directory *d, uint64_t number)
{
	if (number == 0 || number > d->highest || d->chunks[number / CHUNK_ACCOUNTS] == NULL)
		return NULL;
	struct directory_account *a = &d->chunks[number / CHUNK_ACCOUNTS][number % CHUNK_ACCOUNTS];
	return a->number != 0 ? a : NULL;
}

uint32_t directory_account_highest(const struct directory *d) { return d->highest; }

static err load_account(struct directory *d, struct sql_statement *st)
{
	struct directory_account *a;
	uint64_t number = sql_column_count(st, 0), state = sql_column_count(st, 2);
	if (number > UINT32_MAX || state > ACCOUNT_REMOVED)
		return FAIL(DAMAGED);
	TRY(directory_account_new(d, (uint32_t)number, &a));
	a->has_login = !sql_column_is_null(st, 1);
	a->state = (enum account_state)state;
	a->quota = sql_column_number(st, 3);
	a->used_bytes = sql_column_count(st, 4);
	a->used_messages = sql_column_count(st, 5);
	a->last_login = sql_column_number(st, 6);
	a->braked = sql_column_number(st, 7);
	a->language = (int)sql_column_number(st, 8);
	return OK;
}

static err load_forwards(struct directory *d)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_counts);
	bool row;
	err e;
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row)) {
		struct directory_account *a = directory_account(d, sql_column_count(st, 0));
		if (a != NULL)
			a->forwards = (uint32_t)sql_column_count(st, 1);
	}
	return e;
}

static err load_accounts(struct directory *d)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_all);
	bool row;
	err e;
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row)) {
		e = load_account(d, st);
		if (failed(e))
			break;
	}
	sql_done(st);
	return e;
}

err directory_open(const char *path, struct buf *message, struct directory **out)
{
	struct arena *a = arena_new("directory", ARENA_BUDGET);
	struct directory *d = NEW(a, struct directory, 1);
	if (d == NULL) {
		arena_free(&a);
		return FAIL(MEMORY);
	}
	d->arena = a;
	d->scratch = arena_new("directory scratch", SCRATCH_BUDGET);
	d->cache = NEW(a, struct directory_cached, CACHE_SLOTS);
	random_bytes(&d->cache_key, sizeof d->cache_key);
	err e = sql_open(path, &directory_store, SQL_SYNC_COMMITS | SQL_ALONE | SQL_CACHE_LARGE, message, &d->sql);
	if (!failed(e))
		e = load_accounts(d);
	if (!failed(e))
		e = load_forwards(d);
	if (failed(e)) {
		directory_close(&d);
		return e;
	}
	directory_changed(d);
	*out = d;
	return OK;
}

void directory_close(struct directory **d)
{
	if (*d == NULL)
		return;
	if ((*d)->sql != NULL)
		IGNORE(directory_save_figures(*d)); /* the mailboxes tell them again */
	sql_close(&(*d)->sql);
	arena_free(&(*d)->scratch);
	struct arena *a = (*d)->arena;
	*d = NULL;
	arena_free(&a);
}

const char *directory_message(const struct directory *d) { return sql_message(d->sql); }

err directory_tidy(struct directory *d) { return sql_log_pages(d->sql) > LOG_PAGES ? sql_checkpoint(d->sql) : OK; }

void directory_changed(struct directory *d)
{
	d->generation++;
	d->first_domain_n = 0;
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_domain_first);
	if (!failed(sql_one(st))) {
		struct buf b = BUF_ON(d->first_domain_room);
		buf_add(&b, sql_column_bytes(st, 0));
		d->first_domain_n = b.n;
	}
	sql_done(st);
}

str directory_first_domain(struct directory *d) { return str_from(d->first_domain_room, d->first_domain_n); }

err directory_login(struct directory *d, str login, struct directory_login *out)
{
	char lower[DIRECTORY_LOGIN_MAX];
	struct buf b = BUF_ON(lower), hash;
	for (size_t i = 0; i < login.n && !b.lost; i++)
		buf_byte(&b, ascii_lower(login.p[i]));
	if (b.lost || b.n == 0)
		return FAIL(ABSENT);
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_login);
	sql_bind_text(st, buf_str(&b));
	TRY(sql_one(st));
	struct directory_login found = { .account = (uint32_t)sql_column_count(st, 0) };
	hash = (struct buf){ .p = found.hash, .room = DIRECTORY_HASH_MAX };
	buf_add(&hash, sql_column_bytes(st, 1));
	sql_done(st);
	if (hash.lost || directory_account(d, found.account) == NULL)
		return FAIL(DAMAGED);
	*out = found;
	return OK;
}

static err save_figures(struct directory *d, struct directory_account *a)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_figures);
	sql_bind_count(st, a->used_bytes);
	sql_bind_count(st, a->used_messages);
	sql_bind_number(st, a->last_login);
	sql_bind_number(st, a->number);
	return sql_run(st);
}

static struct directory_account *next_unsaved(struct directory *d, uint32_t *number)
{
	while (++*number <= d->highest) {
		struct directory_account *a = directory_account(d, *number);
		if (a != NULL && a->is_unsaved)
			return a;
	}
	return NULL;
}

err directory_save_figures(struct directory *d)
{
	struct directory_account *a;
	uint32_t number = 0;
	err e = OK;
	if (next_unsaved(d, &number) == NULL)
		return OK;
	TRY(sql_begin(d->sql));
	for (number = 0; !failed(e) && (a = next_unsaved(d, &number)) != NULL;)
		e = save_figures(d, a);
	TRY(sql_end(d->sql, e));
	for (number = 0; (a = next_unsaved(d, &number)) != NULL;)
		a->is_unsaved = false;
	return OK;
}
