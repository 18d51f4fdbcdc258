/* SPDX-License-Identifier: Apache-2.0 */
/* What a change adds to a folder's numbers: gathered while it goes on, written once, shown after the commit. */
#include <sys/eventfd.h>

#include "store/account/inside.h"

err tally_begin(struct account *a, int64_t folder, struct tally *out)
{
	struct tally t = { .folder = folder, .image = image_find(a, folder) };
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_marks);
	sql_bind_number(st, folder);
	TRY(sql_one(st));
	t.uid_next = (uint32_t)sql_column_count(st, 0);
	t.uid_mark = (uint32_t)sql_column_count(st, 1);
	t.recent_from = (uint32_t)sql_column_count(st, 2);
	sql_done(st);
	/* New rows go to the end of the image, which is in the order of UIDs. */
	if (t.image != NULL && t.image->count > 0 && t.uid_next <= t.image->rows[t.image->count - 1].uid)
		return FAIL(DAMAGED);
	TRY(change_modseq(a, &t.modseq));
	*out = t;
	return OK;
}

err tally_uid(struct tally *t, uint32_t *out)
{
	if (t->uid_next >= UINT32_MAX - UID_STEP)
		return FAIL(LIMIT);
	*out = t->uid_next++;
	return OK;
}

err tally_write(struct account *a, const struct tally *t)
{
	uint32_t mark = t->uid_mark;
	if (t->uid_next > mark) {
		mark = t->uid_next + UID_STEP;
		a->must_sync = true;
	}
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_update);
	sql_bind_number(st, t->uid_next);
	sql_bind_number(st, mark);
	sql_bind_count(st, t->modseq);
	sql_bind_number(st, t->messages);
	sql_bind_number(st, t->unseen);
	sql_bind_number(st, t->recent);
	sql_bind_number(st, t->bytes);
	sql_bind_number(st, t->folder);
	return sql_run(st);
}

void tally_publish(struct account *a, const struct tally *t)
{
	a->bytes += (uint64_t)t->bytes;
	a->messages += (uint64_t)t->messages;
	struct folder *f = t->image;
	if (f == NULL)
		return;
	f->status.uid_next = t->uid_next;
	f->status.modseq = t->modseq;
	f->status.messages += (uint32_t)t->messages;
	f->status.unseen += (uint32_t)t->unseen;
	f->status.recent += (uint32_t)t->recent;
	f->status.bytes += (uint64_t)t->bytes;
	f->count += f->pending;
	f->pending = 0;
	image_changed(f);
}

void tally_forget(const struct tally *t)
{
	if (t->image != NULL)
		t->image->pending = 0;
}

void image_changed(struct folder *f)
{
	atomic_fetch_add(&f->version, 1);
	for (struct folder_watch *w = f->watches; w != NULL; w = w->next)
		if (w->is_armed) {
			w->is_armed = false;
			eventfd_write(w->fd, 1);
		}
}
