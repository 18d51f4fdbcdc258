/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of flags: first all rows in the file, then, after the commit, in memory. Both passes compute the same. */
#include "proto/imap/flag.h"
#include "store/account/inside.h"

struct bits {
	uint16_t flags;
	uint64_t keywords;
};

static struct bits changed(const struct message *m, const struct flag_order *order, uint64_t keywords)
{
	uint16_t flags = (uint16_t)(order->flags & ~(unsigned)IMAP_FLAG_RECENT);
	switch (order->change) {
	case FLAGS_ADD:
		return (struct bits){ (uint16_t)(m->flags | flags), m->keywords | keywords };
	case FLAGS_REMOVE:
		return (struct bits){ (uint16_t)(m->flags & ~flags), m->keywords & ~keywords };
	case FLAGS_REPLACE:
	default:
		return (struct bits){ flags, keywords };
	}
}

static bool is_change(const struct message *m, struct bits b)
{
	return m->flags != b.flags || m->keywords != b.keywords;
}

/* The row of uids[i], looking from *at on; NULL if it is gone. */
static struct message *row_of(struct folder *f, uint32_t uid, size_t *at)
{
	if (*at < f->count && f->rows[*at].uid < uid)
		*at = image_position(f, uid);
	return *at < f->count && f->rows[*at].uid == uid ? &f->rows[(*at)++] : NULL;
}

static err write_rows(struct folder *f, const uint32_t *uids, size_t count, const struct flag_order *order,
	uint64_t keywords, struct tally *t)
{
	struct account *a = f->account;
	size_t at = count > 0 ? image_position(f, uids[0]) : 0;
	for (size_t i = 0; i < count; i++) {
		const struct message *m = row_of(f, uids[i], &at);
		if (m == NULL)
			continue;
		struct bits b = changed(m, order, keywords);
		if (!is_change(m, b))
			continue;
		t->unseen += ((b.flags & IMAP_FLAG_SEEN) == 0) - ((m->flags & IMAP_FLAG_SEEN) == 0);
		struct sql_statement *st = sql_use(a->sql, ACCOUNT_message_flag);
		sql_bind_number(st, b.flags);
		sql_bind_number(st, (int64_t)b.keywords);
		sql_bind_count(st, t->modseq);
		sql_bind_number(st, f->status.id);
		sql_bind_number(st, uids[i]);
		TRY(sql_run(st));
	}
	return tally_write(a, t);
}

static void change_rows(struct folder *f, const uint32_t *uids, size_t count, const struct flag_order *order,
	uint64_t keywords, uint64_t modseq)
{
	size_t at = count > 0 ? image_position(f, uids[0]) : 0;
	for (size_t i = 0; i < count; i++) {
		struct message *m = row_of(f, uids[i], &at);
		if (m == NULL)
			continue;
		struct bits b = changed(m, order, keywords);
		if (!is_change(m, b))
			continue;
		m->flags = b.flags;
		m->keywords = b.keywords;
		m->modseq = modseq;
		m->changer = order->changer;
	}
}

/* Most orders change nothing at all: a client marks as read what is. */
static bool changes_any(
	struct folder *f, const uint32_t *uids, size_t count, const struct flag_order *order, uint64_t keywords)
{
	size_t at = count > 0 ? image_position(f, uids[0]) : 0;
	for (size_t i = 0; i < count; i++) {
		const struct message *m = row_of(f, uids[i], &at);
		if (m != NULL && is_change(m, changed(m, order, keywords)))
			return true;
	}
	return false;
}

static err flag(struct folder *f, const uint32_t *uids, size_t count, const struct flag_order *order, struct tally *t,
	uint64_t *keywords)
{
	bool made = false;
	TRY(image_keywords(f, order->keywords, order->keyword_count, keywords, &made));
	if (made)
		atomic_fetch_add(&f->keywords_version, 1);
	if (!made && !changes_any(f, uids, count, order, *keywords))
		return FAIL(EXISTS);
	TRY(tally_begin(f->account, f->status.id, t));
	return write_rows(f, uids, count, order, *keywords, t);
}

err folder_flag(struct folder *f, const uint32_t *uids, size_t count, const struct flag_order *order)
{
	struct account *a = f->account;
	struct tally t = { 0 };
	uint64_t keywords = 0;
	account_lock(a);
	if (atomic_load(&f->is_deleted) || (order->keyword_count == 0 && !changes_any(f, uids, count, order, 0))) {
		account_unlock(a);
		return OK;
	}
	err e = change_begin(a);
	if (!failed(e)) {
		e = change_end(a, flag(f, uids, count, order, &t, &keywords));
		if (failed(e)) {
			image_undo(a, f->status.id);
		} else {
			change_rows(f, uids, count, order, keywords, t.modseq);
			tally_publish(a, &t);
		}
	}
	account_unlock(a);
	/* Nothing to do was found out only inside the change. */
	return e.code == ERR_EXISTS ? OK : e;
}
