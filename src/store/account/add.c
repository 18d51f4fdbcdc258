/* SPDX-License-Identifier: Apache-2.0 */
/* New messages: deliveries, exactly once each, and what clients upload. */
#include "os/clock.h"
#include "proto/imap/flag.h"
#include "store/account/inside.h"

static err insert_row(struct account *a, int64_t folder, const struct message *m)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_message_insert);
	sql_bind_number(st, folder);
	sql_bind_number(st, m->uid);
	sql_bind_number(st, m->flags);
	sql_bind_number(st, (int64_t)m->keywords);
	sql_bind_count(st, m->modseq);
	sql_bind_number(st, m->size);
	sql_bind_number(st, m->seconds);
	sql_bind_number(st, m->zone_minutes);
	sql_bind_number(st, m->id);
	return sql_run(st);
}

/* m lacks UID and modseq. */
err tally_add(struct account *a, struct tally *t, struct message *m)
{
	TRY(tally_uid(t, &m->uid));
	m->modseq = t->modseq;
	TRY(insert_row(a, t->folder, m));
	t->messages++;
	t->recent++;
	t->bytes += m->size;
	if ((m->flags & IMAP_FLAG_SEEN) == 0)
		t->unseen++;
	if (t->image != NULL) {
		TRY(image_reserve(t->image, 1));
		t->image->rows[t->image->count + t->image->pending++] = *m;
	}
	return OK;
}

static err add(struct account *a, struct tally *t, const struct new_message *n, uint64_t keywords, uint32_t *uid)
{
	struct message m = {
		.size = (uint32_t)n->text.n,
		.flags = (uint16_t)(n->flags & ~(unsigned)IMAP_FLAG_RECENT),
		.keywords = keywords,
		.seconds = n->seconds,
		.zone_minutes = n->zone_minutes,
	};
	TRY(content_add(a, n, &m.id));
	TRY(tally_add(a, t, &m));
	*uid = m.uid;
	return OK;
}

/* Whether this is the first time. */
static err take(struct account *a, struct delivery *d)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_taken_insert);
	sql_bind_bytes(st, (str){ (const char *)d->name.transaction, sizeof d->name.transaction });
	sql_bind_number(st, d->name.recipient);
	sql_bind_number(st, clock_utc_seconds());
	err e = sql_run(st);
	d->is_known = failed(e) && e.code == ERR_EXISTS;
	return d->is_known ? OK : e;
}

static err find_for_delivery(struct account *a, str name, int64_t *id)
{
	struct folder_status status;
	err e = folder_by_name(a, name, &status);
	if ((failed(e) && e.code == ERR_ABSENT) || (!failed(e) && status.is_container))
		e = folder_by_name(a, S("INBOX"), &status);
	if (failed(e) && e.code == ERR_ABSENT)
		e = FAIL(DAMAGED);
	if (!failed(e))
		*id = status.id;
	return e;
}

/* All deliveries to the folder of the first one. */
static err deliver_to(struct account *a, struct delivery *d, size_t count, struct tally *t)
{
	int64_t folder;
	TRY(find_for_delivery(a, d[0].folder, &folder));
	TRY(tally_begin(a, folder, t));
	for (size_t i = 0; i < count; i++)
		if (!d[i].is_known && d[i].uid == 0 && str_eq(d[i].folder, d[0].folder))
			TRY(add(a, t, &d[i].message, 0, &d[i].uid));
	return tally_write(a, t);
}

/* Two names may lead to one folder, INBOX; the second then goes on where the first ended, so each is written at once. */
static err deliver_all(struct account *a, struct delivery *d, size_t count, struct tally *tallies, size_t *used)
{
	for (size_t i = 0; i < count; i++) {
		d[i].uid = 0;
		TRY(take(a, &d[i]));
	}
	for (size_t i = 0; i < count; i++)
		if (!d[i].is_known && d[i].uid == 0)
			TRY(deliver_to(a, d + i, count - i, &tallies[(*used)++]));
	return OK;
}

err account_deliver(struct account *a, struct delivery *deliveries, size_t count)
{
	size_t used = 0;
	struct arena *scratch = arena_new("deliver", count * sizeof(struct tally) + 4096);
	struct tally *tallies = NEW(scratch, struct tally, count);
	if (tallies == NULL) {
		arena_free(&scratch);
		return count == 0 ? OK : FAIL(MEMORY);
	}
	account_lock(a);
	err e = change_begin(a);
	if (!failed(e))
		e = change_end(a, deliver_all(a, deliveries, count, tallies, &used));
	for (size_t i = 0; i < used; i++)
		failed(e) ? tally_forget(&tallies[i]) : tally_publish(a, &tallies[i]);
	account_unlock(a);
	arena_free(&scratch);
	return e;
}

static err append(struct account *a, const struct folder_status *status, const struct new_message *m, struct tally *t,
	uint32_t *uid)
{
	uint64_t keywords = 0;
	bool made = false;
	struct folder *image = NULL;
	if (m->keyword_count > 0) {
		TRY(image_load(a, status, &image));
		err e = image_keywords(image, m->keywords, m->keyword_count, &keywords, &made);
		if (made)
			atomic_fetch_add(&image->keywords_version, 1);
		TRY(e);
	}
	TRY(tally_begin(a, status->id, t));
	TRY(add(a, t, m, keywords, uid));
	return tally_write(a, t);
}

err account_append(struct account *a, str folder, const struct new_message *m, uint32_t *uidvalidity, uint32_t *uid)
{
	struct folder_status status;
	struct tally t = { 0 };
	account_lock(a);
	err e = folder_by_name(a, folder, &status);
	if (!failed(e) && status.is_container)
		e = FAIL(ABSENT);
	if (!failed(e))
		e = change_begin(a);
	if (!failed(e)) {
		e = change_end(a, append(a, &status, m, &t, uid));
		if (!failed(e)) {
			*uidvalidity = status.uidvalidity;
			tally_publish(a, &t);
		} else {
			image_undo(a, status.id);
		}
	}
	account_unlock(a);
	return e;
}
