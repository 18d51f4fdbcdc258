/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of messages, in pieces of 64 KiB; the header apart, so that reading headers touches no page of a body. */
#include "store/account/inside.h"

static err add_pieces(struct account *a, enum account_operation operation, int64_t id, str text)
{
	int64_t piece = id << PIECE_BITS;
	for (size_t at = 0; at < text.n; at += PIECE, piece++) {
		str plain = str_slice(text, at, at + PIECE);
		bool packed;
		str data = pack_piece(a->pack, plain, &packed);
		struct sql_statement *st = sql_use(a->sql, operation);
		sql_bind_number(st, piece);
		if (packed)
			sql_bind_count(st, plain.n);
		else
			sql_bind_null(st);
		sql_bind_bytes(st, data);
		TRY(sql_run(st));
	}
	return OK;
}

static err add_parts(struct account *a, int64_t id, const struct message_parts *p)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_parts_insert);
	sql_bind_number(st, id);
	sql_bind_number(st, p->header_size);
	sql_bind_bytes(st, p->envelope);
	sql_bind_bytes(st, p->bodystructure);
	sql_bind_bytes(st, p->tree);
	sql_bind_bytes(st, p->body);
	if (p->has_date) {
		sql_bind_number(st, p->date);
		sql_bind_number(st, p->date_zone);
	} else {
		sql_bind_null(st);
		sql_bind_null(st);
	}
	sql_bind_bytes(st, p->message_id);
	sql_bind_bytes(st, p->in_reply_to);
	sql_bind_bytes(st, p->base_subject);
	return sql_run(st);
}

err content_add(struct account *a, const struct new_message *m, int64_t *id)
{
	if (m->text.n > UINT32_MAX || m->parts->header_size > m->text.n)
		return FAIL(LIMIT);
	int64_t new_id = a->next_id++;
	TRY(add_parts(a, new_id, m->parts));
	TRY(add_pieces(a, ACCOUNT_header_insert, new_id, str_slice(m->text, 0, m->parts->header_size)));
	TRY(add_pieces(a, ACCOUNT_body_insert, new_id, str_after(m->text, m->parts->header_size)));
	*id = new_id;
	return OK;
}

static err remove_content(struct account *a, int64_t id)
{
	int64_t first = id << PIECE_BITS, last = first + (1 << PIECE_BITS) - 1;
	TRY(change_run_two(a, ACCOUNT_body_delete, first, last));
	TRY(change_run_two(a, ACCOUNT_header_delete, first, last));
	return change_run(a, ACCOUNT_parts_delete, id);
}

static err remove_all(struct account *a, const int64_t *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		TRY(remove_content(a, ids[i]));
	return OK;
}

err content_sweep(struct account *a, bool *left)
{
	int64_t ids[SWEEP_MOST];
	size_t count = 0;
	*left = false;
	if (!a->has_unused || a->pins > 0)
		return OK;
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_parts_unused);
	sql_bind_number(st, SWEEP_MOST);
	bool row = true;
	while (count < SWEEP_MOST) {
		TRY(sql_step(st, &row));
		if (!row)
			break;
		ids[count++] = sql_column_number(st, 0);
	}
	sql_done(st);
	if (count > 0) {
		TRY(change_begin(a));
		TRY(change_end(a, remove_all(a, ids, count)));
	}
	a->has_unused = *left = count == SWEEP_MOST;
	return OK;
}

void account_pin(struct account *a)
{
	account_lock(a);
	a->pins++;
	account_unlock(a);
}

void account_unpin(struct account *a)
{
	account_lock(a);
	if (--a->pins == 0 && a->has_unused)
		account_wake(a);
	account_unlock(a);
}

/* The part of the piece at an offset, as much as fits. */
static err give(struct account *a, struct sql_statement *st, size_t offset, struct buf *out)
{
	str data = sql_column_bytes(st, 1);
	if (!sql_column_is_null(st, 0))
		TRY(unpack_piece(a->pack, data, (size_t)sql_column_count(st, 0), &data));
	buf_add(out, str_slice(data, offset, offset + (out->room - out->n)));
	return OK;
}

static err read_piece(struct account *a, enum account_operation operation, int64_t id, uint64_t at, struct buf *out)
{
	struct sql_statement *st = sql_use(a->sql, operation);
	sql_bind_number(st, (id << PIECE_BITS) + (int64_t)(at / PIECE));
	bool row;
	TRY(sql_step(st, &row));
	err e = row ? give(a, st, at % PIECE, out) : OK;
	sql_done(st);
	return e;
}

err account_read(struct account *a, int64_t id, uint32_t header_size, uint64_t at, struct buf *out)
{
	size_t before = out->n;
	bool is_header = at < header_size;
	account_lock(a);
	err e = read_piece(
		a, is_header ? ACCOUNT_header_read : ACCOUNT_body_read, id, is_header ? at : at - header_size, out);
	account_unlock(a);
	/* A header's first byte is always there while the message is. */
	if (!failed(e) && is_header && out->n == before)
		return FAIL(ABSENT);
	return e;
}

static bool copy_parts(
	struct sql_statement *st, struct arena *arena, unsigned wanted, struct parts_read *out, size_t *copied)
{
	static const struct {
		unsigned flag;
		int column;
		size_t offset;
	} columns[] = {
		{ PARTS_ENVELOPE, 2, offsetof(struct parts_read, envelope) },
		{ PARTS_BODYSTRUCTURE, 3, offsetof(struct parts_read, bodystructure) },
		{ PARTS_TREE, 4, offsetof(struct parts_read, tree) },
		{ PARTS_BODY, 5, offsetof(struct parts_read, body) },
	};
	out->is_gone = false;
	out->header_size = (uint32_t)sql_column_count(st, 1);
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		if ((wanted & columns[i].flag) == 0)
			continue;
		str text = sql_column_bytes(st, columns[i].column);
		*(str *)(void *)((char *)out + columns[i].offset) = arena_copy(arena, text);
		*copied += text.n;
	}
	if ((wanted & PARTS_DATE) != 0) {
		out->has_date = !sql_column_is_null(st, 6);
		out->date = sql_column_number(st, 6);
		out->date_zone = (int16_t)sql_column_number(st, 7);
	}
	return !arena_spent(arena);
}

/* How many of the items have ids that rise without large gaps: those are read in one go. */
static size_t run_of(const struct parts_read *items, size_t count)
{
	size_t n = 1;
	while (n < count && items[n].id > items[n - 1].id && items[n].id - items[n - 1].id <= 4)
		n++;
	return n;
}

static err read_run(
	struct account *a, struct arena *arena, unsigned wanted, struct parts_read *items, size_t count, size_t *done)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_parts_range);
	sql_bind_number(st, items[0].id);
	sql_bind_number(st, items[count - 1].id);
	size_t at = 0, copied = 0;
	bool row = true;
	while (at < count && copied < ACCOUNT_COPY_MAX) {
		TRY(sql_step(st, &row));
		if (!row)
			break;
		int64_t id = sql_column_number(st, 0);
		for (; at < count && items[at].id < id; at++)
			items[at].is_gone = true;
		if (at < count && items[at].id == id && !copy_parts(st, arena, wanted, &items[at++], &copied)) {
			sql_done(st);
			return FAIL(MEMORY);
		}
	}
	for (; !row && at < count; at++)
		items[at].is_gone = true;
	sql_done(st);
	*done = at;
	return OK;
}

err account_parts(
	struct account *a, struct arena *arena, unsigned wanted, struct parts_read *items, size_t count, size_t *done)
{
	if (count == 0) {
		*done = 0;
		return OK;
	}
	account_lock(a);
	err e = read_run(a, arena, wanted, items, run_of(items, count), done);
	account_unlock(a);
	return e;
}
