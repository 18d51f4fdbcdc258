/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checksum.h"
#include "store/ledger/inside.h"

static err count_of(struct sql_statement *st, uint64_t *out)
{
	TRY(sql_one(st));
	*out = sql_column_count(st, 0);
	sql_done(st);
	return OK;
}

/* Once a day. */
static err expire(struct ledger *l, int64_t today)
{
	if (l->expired == today)
		return OK;
	struct sql_statement *st = sql_use(l->sql, LEDGER_tls_expire_failures);
	sql_bind_number(st, today - LEDGER_RESULT_DAYS);
	TRY(sql_run(st));
	st = sql_use(l->sql, LEDGER_tls_expire);
	sql_bind_number(st, today - LEDGER_RESULT_DAYS);
	TRY(sql_run(st));
	l->expired = today;
	l->counted = false;
	return OK;
}

static err make_room(struct ledger *l)
{
	uint64_t count = 0;
	TRY(count_of(sql_use(l->sql, LEDGER_tls_count), &count));
	if (count < LEDGER_RESULTS_MAX)
		return OK;
	l->counted = false;
	TRY(sql_run(sql_use(l->sql, LEDGER_tls_prune_failures)));
	return sql_run(sql_use(l->sql, LEDGER_tls_prune));
}

static uint32_t checksum_of(const struct ledger_result *r)
{
	return checksum_add(checksum_add(checksum_add(0, r->text), S("\n")), r->hosts);
}

static err find_policy(struct ledger *l, const struct ledger_result *r, int64_t *number)
{
	struct sql_statement *st = sql_use(l->sql, LEDGER_tls_find);
	sql_bind_number(st, r->day);
	sql_bind_text(st, r->domain);
	sql_bind_text(st, r->kind);
	sql_bind_number(st, checksum_of(r));
	TRY(sql_one(st));
	*number = sql_column_number(st, 0);
	sql_done(st);
	return OK;
}

static err add_policy(struct ledger *l, const struct ledger_result *r, int64_t *number)
{
	TRY(make_room(l));
	struct sql_statement *st = sql_use(l->sql, LEDGER_tls_add);
	sql_bind_number(st, r->day);
	sql_bind_text(st, r->domain);
	sql_bind_text(st, r->kind);
	sql_bind_number(st, checksum_of(r));
	sql_bind_text(st, r->text);
	sql_bind_text(st, r->hosts);
	TRY(sql_run(st));
	*number = sql_last_row(l->sql);
	return OK;
}

static void bind_failure(struct sql_statement *st, const struct ledger_result *r, int64_t policy, bool whole)
{
	sql_bind_count(st, r->count);
	sql_bind_number(st, policy);
	sql_bind_text(st, r->type);
	sql_bind_text(st, whole ? r->host : S(""));
	sql_bind_text(st, whole ? r->helo : S(""));
	sql_bind_text(st, whole ? r->address : S(""));
	sql_bind_text(st, whole ? r->local : S(""));
	sql_bind_text(st, whole ? r->reason : S(""));
}

/* Whether one kind more has room: of that policy, and of all. */
static err has_room(struct ledger *l, int64_t policy, bool *out)
{
	uint64_t kinds = 0;
	if (!l->counted)
		TRY(count_of(sql_use(l->sql, LEDGER_tls_count_kinds), &l->kinds));
	l->counted = true;
	struct sql_statement *st = sql_use(l->sql, LEDGER_tls_kinds);
	sql_bind_number(st, policy);
	TRY(count_of(st, &kinds));
	*out = kinds < LEDGER_KINDS_MAX && l->kinds < LEDGER_KINDS_IN_ALL;
	l->kinds += *out;
	return OK;
}

static err add_failure(struct ledger *l, const struct ledger_result *r, int64_t policy)
{
	bool whole = false;
	struct sql_statement *st = sql_use(l->sql, LEDGER_tls_failure);
	bind_failure(st, r, policy, true);
	TRY(sql_run(st));
	if (sql_changes(l->sql) > 0)
		return OK;
	TRY(has_room(l, policy, &whole));
	st = sql_use(l->sql, LEDGER_tls_failure_add);
	bind_failure(st, r, policy, whole);
	return sql_run(st);
}

static err add(struct ledger *l, const struct ledger_result *r, int64_t today)
{
	int64_t policy = 0;
	TRY(expire(l, today));
	err e = find_policy(l, r, &policy);
	if (e.code == ERR_ABSENT)
		e = add_policy(l, r, &policy);
	TRY(e);
	if (r->type.n > 0)
		return add_failure(l, r, policy);
	struct sql_statement *st = sql_use(l->sql, LEDGER_tls_success);
	sql_bind_count(st, r->count);
	sql_bind_number(st, policy);
	return sql_run(st);
}

err ledger_result_add(struct ledger *l, const struct ledger_result *r, int64_t today)
{
	TRY(sql_begin(l->sql));
	err e = sql_end(l->sql, add(l, r, today));
	if (failed(e)) {
		l->expired = 0;
		l->counted = false;
		return e;
	}
	return ledger_tidy(l);
}

static err say_failures(struct ledger *l, struct ledger_result *r, int64_t policy, ledger_result_fn *fn, void *to)
{
	struct sql_statement *st = sql_use(l->sql, LEDGER_tls_failures);
	bool row = false;
	sql_bind_number(st, policy);
	TRY(sql_step(st, &row));
	while (row) {
		r->type = sql_column_bytes(st, 0);
		r->host = sql_column_bytes(st, 1);
		r->helo = sql_column_bytes(st, 2);
		r->address = sql_column_bytes(st, 3);
		r->local = sql_column_bytes(st, 4);
		r->reason = sql_column_bytes(st, 5);
		r->count = sql_column_count(st, 6);
		fn(to, r);
		TRY(sql_step(st, &row));
	}
	return OK;
}

err ledger_result_next(struct ledger *l, str domain, int64_t *number, ledger_result_fn *fn, void *to)
{
	struct sql_statement *st = sql_use(l->sql, domain.n > 0 ? LEDGER_tls_next_of : LEDGER_tls_next);
	sql_bind_number(st, *number);
	if (domain.n > 0)
		sql_bind_text(st, domain);
	TRY(sql_one(st));
	*number = sql_column_number(st, 0);
	struct ledger_result r = { .day = sql_column_number(st, 1),
		.domain = sql_column_bytes(st, 2),
		.kind = sql_column_bytes(st, 3),
		.text = sql_column_bytes(st, 4),
		.hosts = sql_column_bytes(st, 5),
		.type = S(""),
		.host = S(""),
		.helo = S(""),
		.address = S(""),
		.local = S(""),
		.reason = S(""),
		.count = sql_column_count(st, 6) };
	if (r.count > 0)
		fn(to, &r);
	err e = say_failures(l, &r, *number, fn, to);
	sql_done(st);
	return e;
}
