/* SPDX-License-Identifier: Apache-2.0 */
/* The named operations on messages and their recipients. What is read is checked as if a stranger had written it: the
 * disk is one. */
#include "base/buf.h"
#include "base/checksum.h"
#include "store/spool/internal.h"
#include "store/spool/salvage.h"

/* Who submitted it is one number: an account's, or that of a local user plus 1 above all of these. */
#define LOCAL_USERS INT64_C(4294967295)

enum { RECIPIENTS_MAX = 65536, RECIPIENTS_FIRST = 16 };

static str present(str s) { return s.p != NULL ? s : S(""); }

/* ---- taking in ---- */

static err add_as(struct spool *spool, int64_t id, struct spool_message *m, str bytes)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_message_add);
	if (!m->has_checksum && (m->flags & SPOOL_FILE) == 0) {
		m->has_checksum = true;
		m->checksum = checksum_add(0, bytes);
	}
	sql_bind_number(st, id);
	sql_bind_bytes(st, str_from((const char *)m->number, SPOOL_NUMBER));
	sql_bind_text(st, present(m->sender));
	sql_bind_number(st, m->local > 0 ? LOCAL_USERS + (int64_t)m->local : m->account);
	sql_bind_number(st, m->received);
	sql_bind_count(st, m->size);
	sql_bind_number(st, m->flags);
	sql_bind_number(st, m->body);
	sql_bind_number(st, m->ret);
	sql_bind_text(st, present(m->envid));
	sql_bind_number(st, m->has_checksum ? (int64_t)m->checksum : -1);
	TRY(sql_run(st));
	m->id = id;
	if ((m->flags & SPOOL_FILE) != 0)
		return OK;
	st = sql_use(spool->sql, SPOOL_body_add);
	sql_bind_number(st, m->id);
	sql_bind_bytes(st, present(bytes));
	return sql_run(st);
}

err spool_add(struct spool *spool, struct spool_message *m, str bytes)
{
	TRY(add_as(spool, spool->next, m, bytes));
	spool->next++;
	return OK;
}

/* Jobs know messages by their ids, and ids rise with time. */
err spool_add_again(struct spool *spool, struct spool_message *m, str bytes)
{
	err e = FAIL(EXISTS);
	if (m->id > 0 && m->id < spool->next)
		e = add_as(spool, m->id, m, bytes);
	return e.code == ERR_EXISTS ? spool_add(spool, m, bytes) : e;
}

err spool_locate(struct spool *spool, struct spool_message *m)
{
	if (m->id >= spool->first)
		return OK;
	struct sql_statement *st = sql_use(spool->sql, SPOOL_message_find);
	sql_bind_bytes(st, str_from((const char *)m->number, SPOOL_NUMBER));
	err e = sql_one(st);
	if (failed(e) && (e.code != ERR_ABSENT || salvage_waits()))
		return e;
	/* In a damaged store its own id may have been another's. */
	m->id = failed(e) ? 0 : sql_column_number(st, 0);
	sql_done(st);
	return OK;
}

/* As destinations are compared; the address keeps what was written. A longer one than fits is not ours to shorten. */
static str lower_domain(str domain, char room[static DOMAIN_MAX])
{
	if (domain.n > DOMAIN_MAX)
		return domain;
	for (size_t i = 0; i < domain.n; i++)
		room[i] = ascii_lower(domain.p[i]);
	return str_from(room, domain.n);
}

err spool_add_recipient(struct spool *spool, int64_t message, const struct spool_recipient *r)
{
	char domain[DOMAIN_MAX];
	struct sql_statement *st = sql_use(spool->sql, SPOOL_recipient_add);
	sql_bind_number(st, message);
	sql_bind_number(st, r->position);
	sql_bind_number(st, r->account);
	sql_bind_text(st, lower_domain(r->domain, domain));
	sql_bind_text(st, present(r->address));
	sql_bind_text(st, present(r->detail));
	sql_bind_number(st, r->notify);
	sql_bind_text(st, present(r->orcpt));
	sql_bind_number(st, r->state);
	sql_bind_number(st, r->attempts);
	sql_bind_number(st, r->due);
	sql_bind_text(st, present(r->reason));
	sql_bind_number(st, r->priority);
	sql_bind_number(st, r->is_inner ? 1 : 0);
	sql_bind_number(st, r->forward);
	sql_bind_number(st, r->keeper);
	sql_bind_text(st, present(r->sender));
	TRY(sql_run(st));
	if (r->state == SPOOL_DEFERRED && r->due < spool->due) /* out of a damaged spool */
		spool->due = r->due;
	return OK;
}

/* ---- reading ---- */

bool spool_read_text(struct sql_statement *st, int column, size_t longest, str *out)
{
	str s = sql_column_bytes(st, column);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || s.p[i] == '\r' || s.p[i] == '\n')
			return false;
	*out = present(s);
	return s.n <= longest;
}

bool spool_read_number(struct sql_statement *st, int column, uint64_t highest, uint64_t *out)
{
	int64_t value = sql_column_number(st, column);
	*out = (uint64_t)value;
	return value >= 0 && (uint64_t)value <= highest;
}

err spool_read_message(struct sql_statement *st, struct spool_message *out)
{
	struct spool_message m = { .id = sql_column_number(st, 0), .received = sql_column_number(st, 4) };
	str number = sql_column_bytes(st, 1);
	uint64_t account, flags, body, ret;
	bool sound = number.n == SPOOL_NUMBER && spool_read_text(st, 2, ADDRESS_MAX, &m.sender) &&
		     spool_read_number(st, 3, LOCAL_USERS + UINT32_MAX, &account) &&
		     spool_read_number(st, 5, UINT32_MAX, &m.size) && spool_read_number(st, 6, UINT16_MAX, &flags) &&
		     spool_read_number(st, 7, 2, &body) && spool_read_number(st, 8, 2, &ret) &&
		     spool_read_text(st, 9, ENVID_MAX, &m.envid) && m.received >= 0;
	if (!sound)
		return FAIL(DAMAGED);
	int64_t checksum = sql_column_number(st, 10);
	if (checksum < -1 || checksum > UINT32_MAX)
		return FAIL(DAMAGED);
	m.has_checksum = checksum >= 0;
	m.checksum = m.has_checksum ? (uint32_t)checksum : 0;
	memcpy(m.number, number.p, SPOOL_NUMBER);
	m.account = account <= LOCAL_USERS ? (uint32_t)account : 0;
	m.local = account > LOCAL_USERS ? (uint32_t)(account - LOCAL_USERS) : 0;
	m.flags = (unsigned)flags;
	m.body = (unsigned)body;
	m.ret = (unsigned)ret;
	*out = m;
	return OK;
}

err spool_read_recipient(struct sql_statement *st, int from, struct spool_recipient *out)
{
	struct spool_recipient r = { .due = sql_column_number(st, from + 9) };
	uint64_t position, account, notify, state, attempts, is_inner, forward, keeper;
	bool sound = spool_read_number(st, from, RECIPIENTS_MAX - 1, &position) &&
		     spool_read_number(st, from + 1, UINT32_MAX, &account) &&
		     spool_read_text(st, from + 2, DOMAIN_MAX, &r.domain) &&
		     spool_read_text(st, from + 3, ADDRESS_MAX, &r.address) &&
		     spool_read_text(st, from + 4, DETAIL_MAX, &r.detail) &&
		     spool_read_number(st, from + 5, 15, &notify) &&
		     spool_read_text(st, from + 6, ORCPT_MAX, &r.orcpt) &&
		     spool_read_number(st, from + 7, SPOOL_STATES - 1, &state) &&
		     spool_read_number(st, from + 8, UINT32_MAX, &attempts) &&
		     spool_read_text(st, from + 10, REASON_MAX, &r.reason) &&
		     spool_read_number(st, from + 11, 1, &is_inner) &&
		     spool_read_number(st, from + 12, UINT32_MAX, &forward) &&
		     spool_read_number(st, from + 13, UINT32_MAX, &keeper) &&
		     spool_read_text(st, from + 14, ADDRESS_MAX, &r.sender);
	if (!sound)
		return FAIL(DAMAGED);
	r.position = (unsigned)position;
	r.account = (uint32_t)account;
	r.notify = (unsigned)notify;
	r.state = (enum spool_state)state;
	r.is_inner = is_inner == 1;
	r.attempts = (unsigned)attempts;
	r.forward = (uint32_t)forward;
	r.keeper = (uint32_t)keeper;
	*out = r;
	return OK;
}

static err each_account(struct sql_statement *st, bool counted, const struct spool_account_rows *rows)
{
	bool row = false;
	err e;
	while (!failed(e = sql_step(st, &row)) && row) {
		uint64_t count = counted ? sql_column_count(st, 1) : 0, account = sql_column_count(st, 0);
		e = account <= UINT32_MAX ? rows->row(rows->to, (uint32_t)account, count) : FAIL(DAMAGED);
		if (failed(e))
			break;
	}
	sql_done(st);
	return e;
}

err spool_accounts(struct spool *spool, const struct spool_account_rows *rows)
{
	return each_account(sql_use(spool->sql, SPOOL_waiting_accounts), true, rows);
}

err spool_waiting(struct spool *spool, uint32_t account, int64_t message, unsigned position, unsigned most,
	const struct spool_delivery_rows *rows)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_waiting_list);
	sql_bind_number(st, account);
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	sql_bind_number(st, most);
	bool row = false;
	err e;
	while (!failed(e = sql_step(st, &row)) && row) {
		struct spool_message m;
		struct spool_recipient r;
		e = spool_read_message(st, &m);
		if (!failed(e))
			e = spool_read_recipient(st, SPOOL_MESSAGE_COLUMNS, &r);
		if (!failed(e))
			e = rows->row(rows->to, &m, &r);
		if (failed(e))
			break;
	}
	sql_done(st);
	return e;
}

bool spool_is_sound(const struct spool_message *m, str body)
{
	return body.n == m->size && (!m->has_checksum || checksum_add(0, body) == m->checksum);
}

err spool_body(struct spool *spool, int64_t message, struct arena *a, str *out)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_body_get);
	sql_bind_number(st, message);
	TRY(sql_one(st));
	str copy = arena_copy(a, sql_column_bytes(st, 0));
	sql_done(st);
	if (copy.p == NULL)
		return FAIL(MEMORY);
	*out = copy;
	return OK;
}

/* ---- delivering ---- */

static err remove_body(struct spool *spool, int64_t message)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_body_remove);
	sql_bind_number(st, message);
	return sql_run(st);
}

err spool_remove(struct spool *spool, int64_t message, unsigned position, bool *last)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_recipient_remove);
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	TRY(sql_run(st));
	st = sql_use(spool->sql, SPOOL_message_remove_done);
	sql_bind_number(st, message);
	sql_bind_number(st, message);
	TRY(sql_run(st));
	bool gone = sql_changes(spool->sql) > 0;
	if (gone)
		TRY(remove_body(spool, message));
	*last = gone;
	return OK;
}

err spool_defer(struct spool *spool, int64_t message, unsigned position, int64_t due, str reason)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_recipient_defer);
	sql_bind_number(st, due);
	sql_bind_text(st, present(str_slice(reason, 0, REASON_MAX)));
	sql_bind_number(st, message);
	sql_bind_number(st, position);
	TRY(sql_run(st));
	if (due < spool->due)
		spool->due = due;
	return OK;
}

int64_t spool_due(const struct spool *spool) { return spool->due; }

err spool_find_due(struct spool *spool)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_deferred_next);
	TRY(sql_one(st));
	spool->due = sql_column_is_null(st, 0) ? INT64_MAX : sql_column_number(st, 0);
	sql_done(st);
	return OK;
}

err spool_release(struct spool *spool, int64_t now, const struct spool_account_rows *rows)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_deferred_accounts);
	sql_bind_number(st, now);
	TRY(each_account(st, false, rows));
	st = sql_use(spool->sql, SPOOL_deferred_release);
	sql_bind_number(st, now);
	TRY(sql_run(st));
	return spool_find_due(spool);
}

/* ---- showing ---- */

err spool_messages(struct spool *spool, int64_t after, unsigned most, const struct spool_message_rows *rows)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_message_list);
	sql_bind_number(st, after);
	sql_bind_number(st, most);
	bool row = false;
	err e;
	while (!failed(e = sql_step(st, &row)) && row) {
		struct spool_message m;
		e = spool_read_message(st, &m);
		if (!failed(e))
			e = rows->row(rows->to, &m);
		if (failed(e))
			break;
	}
	sql_done(st);
	return e;
}

err spool_one_message(struct sql_statement *st, struct arena *a, struct spool_message *out)
{
	struct spool_message m;
	TRY(sql_one(st));
	err e = spool_read_message(st, &m);
	if (!failed(e)) {
		m.sender = arena_copy(a, m.sender);
		m.envid = arena_copy(a, m.envid);
	}
	sql_done(st);
	TRY(e);
	if (arena_spent(a))
		return FAIL(MEMORY);
	*out = m;
	return OK;
}

err spool_find(struct spool *spool, const uint8_t number[SPOOL_NUMBER], struct arena *a, struct spool_message *out)
{
	struct sql_statement *st = sql_use(spool->sql, SPOOL_message_find);
	sql_bind_bytes(st, str_from((const char *)number, SPOOL_NUMBER));
	return spool_one_message(st, a, out);
}

static void copy_recipient(struct arena *a, struct spool_recipient *r)
{
	r->domain = arena_copy(a, r->domain);
	r->address = arena_copy(a, r->address);
	r->detail = arena_copy(a, r->detail);
	r->orcpt = arena_copy(a, r->orcpt);
	r->reason = arena_copy(a, r->reason);
	r->sender = arena_copy(a, r->sender);
}

err spool_recipients(struct spool *spool, int64_t message, struct arena *a, struct spool_recipient **out, size_t *count)
{
	size_t n = 0, room = RECIPIENTS_FIRST;
	struct spool_recipient *list = NEW(a, struct spool_recipient, room);
	struct sql_statement *st = sql_use(spool->sql, SPOOL_recipient_list);
	sql_bind_number(st, message);
	bool row = false;
	err e;
	while (!failed(e = sql_step(st, &row)) && row && !arena_spent(a)) {
		if (n == room) {
			struct spool_recipient *larger = NEW(a, struct spool_recipient, 2 * room);
			if (larger == NULL)
				break;
			memcpy(larger, list, n * sizeof *list);
			list = larger;
			room *= 2;
		}
		e = spool_read_recipient(st, 0, &list[n]);
		if (failed(e))
			break;
		copy_recipient(a, &list[n++]);
	}
	sql_done(st);
	if (arena_spent(a))
		return FAIL(MEMORY);
	/* What was read before a damaged place counts: the caller sees the failure beside it. */
	*out = list;
	*count = n;
	return e;
}
