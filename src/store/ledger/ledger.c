/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger/inside.h"

#include "base/arena.h"

enum { LEDGER_BUDGET = 64 << 10, LOG_PAGES = 1000 };

err ledger_open(struct buf *message, struct ledger **out)
{
	struct arena *a = arena_new("ledger", LEDGER_BUDGET);
	struct ledger *l = NEW(a, struct ledger, 1);
	if (l == NULL) {
		arena_free(&a);
		return FAIL(MEMORY);
	}
	l->arena = a;
	err e = sql_open("ledger.db", &ledger_store, SQL_ALONE, message, &l->sql);
	if (failed(e))
		arena_free(&a);
	else
		*out = l;
	return e;
}

void ledger_close(struct ledger **l)
{
	if (*l == NULL)
		return;
	struct arena *a = (*l)->arena;
	sql_close(&(*l)->sql);
	*l = NULL;
	arena_free(&a);
}

err ledger_tidy(struct ledger *l) { return sql_log_pages(l->sql) > LOG_PAGES ? sql_checkpoint(l->sql) : OK; }

/* A text of the row, copied, since the statement ends before it is used. */
static str copy(char *room, size_t size, str text)
{
	struct buf b = { .p = room, .room = size };
	buf_add(&b, text);
	return buf_str(&b);
}

err ledger_policy_find(struct ledger *l, str domain, struct ledger_policy *out)
{
	struct sql_statement *st = sql_use(l->sql, LEDGER_sts_find);
	sql_bind_text(st, domain);
	TRY(sql_one(st));
	*out = (struct ledger_policy){ .domain = domain,
		.id = copy(l->id, sizeof l->id, sql_column_bytes(st, 0)),
		.mode = sql_column_count(st, 1),
		.max_age = sql_column_count(st, 2),
		.fetched = sql_column_number(st, 3),
		.patterns = copy(l->patterns, sizeof l->patterns, sql_column_bytes(st, 4)) };
	sql_done(st);
	return OK;
}

static err make_room(struct ledger *l, int64_t now)
{
	struct sql_statement *st = sql_use(l->sql, LEDGER_sts_count);
	TRY(sql_one(st));
	uint64_t count = sql_column_count(st, 0);
	sql_done(st);
	if (count < LEDGER_POLICIES_MAX)
		return OK;
	st = sql_use(l->sql, LEDGER_sts_expire);
	sql_bind_number(st, now);
	TRY(sql_run(st));
	return sql_changes(l->sql) > 0 ? OK : sql_run(sql_use(l->sql, LEDGER_sts_prune));
}

static err keep(struct ledger *l, const struct ledger_policy *policy)
{
	struct sql_statement *st = sql_use(l->sql, LEDGER_sts_keep);
	sql_bind_text(st, policy->domain);
	sql_bind_text(st, policy->id);
	sql_bind_count(st, policy->mode);
	sql_bind_count(st, policy->max_age);
	sql_bind_number(st, policy->fetched);
	sql_bind_text(st, policy->patterns);
	return sql_run(st);
}

err ledger_policy_keep(struct ledger *l, const struct ledger_policy *policy, int64_t now)
{
	TRY(sql_begin(l->sql));
	err e = make_room(l, now);
	if (!failed(e))
		e = keep(l, policy);
	TRY(sql_end(l->sql, e));
	return ledger_tidy(l);
}
