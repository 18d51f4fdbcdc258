/* SPDX-License-Identifier: Apache-2.0 */
#include "store/spool/remote.h"

#include "base/buf.h"
#include "store/spool/internal.h"

enum { POSITIONS = 65536, PRIORITY_MAX = 7, CAUSE_MAX = 63, CODE_MAX = 599, STATUS_MAX = 16, HOST_MAX_BYTES = 255 };

/* ---- reading ---- */

static err read_diagnosis(struct sql_statement *st, int from, struct spool_diagnosis *out)
{
	struct spool_diagnosis d = { .code = 0 };
	uint64_t cause, code;
	bool sound = spool_read_number(st, from, CAUSE_MAX, &cause) &&
		     spool_read_number(st, from + 1, CODE_MAX, &code) &&
		     spool_read_text(st, from + 2, STATUS_MAX, &d.status) &&
		     spool_read_text(st, from + 3, REASON_MAX, &d.text) &&
		     spool_read_text(st, from + 4, HOST_MAX_BYTES, &d.host);
	if (!sound)
		return FAIL(DAMAGED);
	d.cause = (unsigned)cause;
	d.code = (unsigned)code;
	*out = d;
	return OK;
}

static err read_remote(struct sql_statement *st, int from, struct spool_remote *out)
{
	struct spool_remote r = { .due = sql_column_number(st, from + 7) };
	uint64_t position, priority, notify, attempts, noted, is_inner, forward, keeper;
	bool sound = spool_read_number(st, from, POSITIONS - 1, &position) &&
		     spool_read_text(st, from + 1, DOMAIN_MAX, &r.domain) &&
		     spool_read_number(st, from + 2, PRIORITY_MAX, &priority) &&
		     spool_read_text(st, from + 3, ADDRESS_MAX, &r.address) &&
		     spool_read_number(st, from + 4, 15, &notify) &&
		     spool_read_text(st, from + 5, ORCPT_MAX, &r.orcpt) &&
		     spool_read_number(st, from + 6, UINT32_MAX, &attempts) &&
		     spool_read_number(st, from + 13, 1, &noted) && spool_read_number(st, from + 14, 1, &is_inner) &&
		     spool_read_number(st, from + 15, UINT32_MAX, &forward) &&
		     spool_read_number(st, from + 16, UINT32_MAX, &keeper) &&
		     spool_read_text(st, from + 17, ADDRESS_MAX, &r.sender);
	if (!sound)
		return FAIL(DAMAGED);
	TRY(read_diagnosis(st, from + 8, &r.last));
	r.position = (unsigned)position;
	r.priority = (unsigned)priority;
	r.notify = (unsigned)notify;
	r.attempts = (unsigned)attempts;
	r.noted = noted == 1;
	r.is_inner = is_inner == 1;
	r.forward = (uint32_t)forward;
	r.keeper = (uint32_t)keeper;
	*out = r;
	return OK;
}

static err each_row(struct sql_statement *st, const struct spool_remote_rows *rows, unsigned *count)
{
	bool row = false;
	err e;
	*count = 0;
	while (!failed(e = sql_step(st, &row)) && row) {
		struct spool_message m;
		struct spool_remote r;
		e = spool_read_message(st, &m);
		if (!failed(e))
			e = read_remote(st, SPOOL_MESSAGE_COLUMNS, &r);
		if (!failed(e))
			e = rows->row(rows->to, &m, &r);
		if (failed(e))
			break;
		++*count;
	}
	sql_done(st);
	return e;
}

err spool_remote_list(struct spool *spool, const struct spool_remote_question *q, const struct spool_remote_rows *rows)
{
	unsigned count;
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_list);
	sql_bind_text(st, q->domain);
	sql_bind_number(st, q->priority);
	sql_bind_number(st, q->now);
	sql_bind_number(st, q->after.due);
	sql_bind_number(st, q->after.message);
	sql_bind_number(st, q->after.position);
	sql_bind_number(st, q->most);
	return each_row(st, rows, &count);
}

struct only {
	const struct spool_remote_rows *rows;
	unsigned position;
	bool found;
};

static err only_row(void *to, const struct spool_message *m, const struct spool_remote *r)
{
	struct only *only = to;
	only->found = r->position == only->position;
	return only->found ? only->rows->row(only->rows->to, m, r) : OK;
}

err spool_remote_find(struct spool *spool, const uint8_t number[SPOOL_NUMBER], unsigned position,
	const struct spool_remote_rows *rows)
{
	unsigned count;
	struct only only = { .rows = rows, .position = position };
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_of_message);
	sql_bind_bytes(st, str_from((const char *)number, SPOOL_NUMBER));
	sql_bind_number(st, position);
	TRY(each_row(st, &(struct spool_remote_rows){ only_row, &only }, &count));
	return only.found ? OK : FAIL(ABSENT);
}

static err time_at_most(struct spool *spool, int64_t id, int64_t *found, int64_t *received)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_message_time_at_most);
	sql_bind_number(st, id);
	TRY(sql_one(st));
	*found = sql_column_number(st, 0);
	*received = sql_column_number(st, 1);
	sql_done(st);
	return OK;
}

/* The youngest message that came in by then, or 0. Ids rise with time, so it is found by halving. */
static err id_by_time(struct spool *spool, int64_t received, int64_t *out)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_message_lowest);
	TRY(sql_one(st));
	int64_t low = sql_column_number(st, 0) - 1, high = spool->next - 1;
	sql_done(st);
	/* Everything up to low is old enough, nothing above high. */
	while (low < high) {
		int64_t middle = low + (high - low + 1) / 2, id = 0, at = 0;
		err e = time_at_most(spool, middle, &id, &at);
		if (failed(e) && e.code != ERR_ABSENT)
			return e;
		if (failed(e) || id <= low || at <= received)
			low = middle;
		else
			high = id - 1;
	}
	*out = low;
	return OK;
}

err spool_remote_old(struct spool *spool, int64_t received, int64_t message, unsigned position, unsigned most,
	const struct spool_remote_rows *rows)
{
	unsigned count;
	int64_t youngest = 0;
	TRY(id_by_time(spool, received, &youngest));
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_old);
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	sql_bind_number(st, youngest);
	sql_bind_number(st, most);
	return each_row(st, rows, &count);
}

err spool_remote_due(struct spool *spool, str domain, unsigned priority, int64_t after, int64_t *due)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_next_due);
	sql_bind_text(st, domain);
	sql_bind_number(st, priority);
	sql_bind_number(st, after);
	err e = sql_one(st);
	if (e.code == ERR_ABSENT) {
		*due = INT64_MAX;
		return OK;
	}
	TRY(e);
	*due = sql_column_number(st, 0);
	sql_done(st);
	return OK;
}

static err next_name(struct sql_statement *st, str after, struct arena *a, str *out)
{
	str name = NO_STR;
	sql_bind_text(st, after);
	TRY(sql_one(st));
	bool sound = spool_read_text(st, 0, DOMAIN_MAX, &name);
	str copy = sound ? arena_copy(a, name) : NO_STR;
	sql_done(st);
	if (copy.p == NULL)
		return sound ? FAIL(MEMORY) : FAIL(DAMAGED);
	*out = copy;
	return OK;
}

err spool_remote_domain(struct spool *spool, str after, struct arena *a, str *out)
{
	return next_name(sql_use(spool->sql, SPOOL_remote_domain), after, a, out);
}

err spool_destination_next(struct spool *spool, str after, struct arena *a, str *out)
{
	return next_name(sql_use(spool->sql, SPOOL_destination_next), after, a, out);
}

err spool_remote_count(struct spool *spool, str domain, unsigned most, unsigned *messages, unsigned *recipients)
{
	uint64_t of_messages, of_recipients;
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_count);
	sql_bind_text(st, domain);
	sql_bind_number(st, most);
	TRY(sql_one(st));
	bool sound = spool_read_number(st, 0, most, &of_messages) && spool_read_number(st, 1, most, &of_recipients);
	sql_done(st);
	if (!sound)
		return FAIL(DAMAGED);
	*messages = (unsigned)of_messages;
	*recipients = (unsigned)of_recipients;
	return OK;
}

/* ---- writing ---- */

static void bind_diagnosis(struct sql_statement *st, const struct spool_diagnosis *d)
{
	sql_bind_number(st, d->cause);
	sql_bind_number(st, d->code);
	sql_bind_text(st, str_slice(d->status.p != NULL ? d->status : S(""), 0, STATUS_MAX));
	sql_bind_text(st, str_slice(d->text.p != NULL ? d->text : S(""), 0, REASON_MAX));
	sql_bind_text(st, str_slice(d->host.p != NULL ? d->host : S(""), 0, HOST_MAX_BYTES));
}

err spool_remote_defer(
	struct spool *spool, int64_t message, unsigned position, int64_t due, const struct spool_diagnosis *why)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_defer);
	sql_bind_number(st, due);
	bind_diagnosis(st, why);
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	return sql_run(st);
}

err spool_remote_keep(struct spool *spool, int64_t message, unsigned position)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_keep);
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	return sql_run(st);
}

err spool_remote_hold(struct spool *spool, int64_t message, unsigned position, const struct spool_diagnosis *why)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_hold);
	bind_diagnosis(st, why);
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	return sql_run(st);
}

err spool_readdress(
	struct spool *spool, int64_t message, unsigned position, str detail, const uint32_t *accounts, size_t count)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_readdress);
	sql_bind_number(st, accounts[0]);
	sql_bind_text(st, detail.p != NULL ? detail : S(""));
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	TRY(sql_run(st));
	if (sql_changes(spool->sql) == 0)
		return OK; /* somebody holds it, or has removed it */
	for (size_t i = 1; i < count; i++) {
		st = sql_use(spool->sql, SPOOL_remote_heir);
		sql_bind_number(st, accounts[i]);
		sql_bind_number(st, message);
		sql_bind_number(st, position);
		TRY(sql_run(st));
	}
	return OK;
}

err spool_remote_note(struct spool *spool, int64_t message, unsigned position)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_remote_noted);
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	return sql_run(st);
}

err spool_destination_put(struct spool *spool, str name, const struct spool_destination *d)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_destination_put);
	sql_bind_text(st, name);
	sql_bind_number(st, d->failures);
	sql_bind_number(st, d->until);
	bind_diagnosis(st, &d->why);
	return sql_run(st);
}

static void copy_diagnosis(struct arena *a, struct spool_diagnosis *d)
{
	d->status = arena_copy(a, d->status);
	d->text = arena_copy(a, d->text);
	d->host = arena_copy(a, d->host);
}

err spool_destination_get(struct spool *spool, str name, struct arena *a, struct spool_destination *out)
{
	struct spool_destination d;
	uint64_t failures;
	struct sql_statement *st = sql_use(spool->sql, SPOOL_destination_get);
	sql_bind_text(st, name);
	TRY(sql_one(st));
	bool sound = spool_read_number(st, 0, UINT32_MAX, &failures);
	d.failures = (unsigned)failures;
	d.until = sql_column_number(st, 1);
	err e = sound ? read_diagnosis(st, 2, &d.why) : FAIL(DAMAGED);
	if (!failed(e))
		copy_diagnosis(a, &d.why);
	sql_done(st);
	TRY(e);
	if (arena_spent(a))
		return FAIL(MEMORY);
	*out = d;
	return OK;
}

err spool_destination_remove(struct spool *spool, str name)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_destination_remove);
	sql_bind_text(st, name);
	return sql_run(st);
}
