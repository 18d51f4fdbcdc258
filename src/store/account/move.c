/* SPDX-License-Identifier: Apache-2.0 */
/* Removing, copying and moving. A copy shares parts and bytes with its original. What nobody refers to any more is swept
 * away later, so that a client does not wait for it. */
#include "proto/imap/flag.h"
#include "store/account/inside.h"

static void count_out(struct tally *t, const struct message *m)
{
	t->messages--;
	t->bytes -= m->size;
	if ((m->flags & IMAP_FLAG_SEEN) == 0)
		t->unseen--;
	if (m->uid >= t->recent_from)
		t->recent--;
}

static err take_out(struct account *a, struct tally *t, const struct message *m)
{
	TRY(change_run_two(a, ACCOUNT_message_delete, t->folder, m->uid));
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_expunged_insert);
	sql_bind_number(st, t->folder);
	sql_bind_count(st, t->modseq);
	sql_bind_number(st, m->uid);
	TRY(sql_run(st));
	count_out(t, m);
	return OK;
}

static const struct message *row_of(const struct folder *f, uint32_t uid)
{
	size_t at = image_position(f, uid);
	return at < f->count && f->rows[at].uid == uid ? &f->rows[at] : NULL;
}

static err expunge(struct folder *f, const uint32_t *uids, size_t count, struct tally *t)
{
	struct account *a = f->account;
	TRY(tally_begin(a, f->status.id, t));
	for (size_t i = 0; i < count; i++) {
		const struct message *m = row_of(f, uids[i]);
		if (m == NULL)
			continue;
		TRY(take_out(a, t, m));
		TRY(change_run(a, ACCOUNT_parts_unref, m->id));
	}
	return tally_write(a, t);
}

err folder_expunge(struct folder *f, const uint32_t *uids, size_t count)
{
	struct account *a = f->account;
	struct tally t = { 0 };
	err e = OK;
	account_lock(a);
	if (count > 0 && !atomic_load(&f->is_deleted))
		e = change_begin(a);
	else
		count = 0;
	if (count > 0 && !failed(e)) {
		e = change_end(a, expunge(f, uids, count, &t));
		if (!failed(e)) {
			image_remove(f, uids, count);
			tally_publish(a, &t);
			a->has_unused = true;
		}
	}
	account_unlock(a);
	return e;
}

/* The bits of the source's keywords, one after the other, in the folder copied to. */
struct keyword_map {
	uint64_t done, bits[FOLDER_KEYWORDS_MAX];
	bool made;
};

static err map_keywords(struct account *a, const struct folder *f, const struct folder_status *to, uint64_t keywords,
	struct keyword_map *map, uint64_t *out)
{
	*out = 0;
	if (keywords == 0 || f->status.id == to->id) {
		*out = keywords;
		return OK;
	}
	struct folder *image;
	TRY(image_load(a, to, &image));
	for (unsigned bit = 0; bit < FOLDER_KEYWORDS_MAX; bit++) {
		if ((keywords >> bit & 1) == 0 || f->keywords[bit][0] == '\0')
			continue;
		if ((map->done >> bit & 1) == 0) {
			str name = str_of(f->keywords[bit]);
			TRY(image_keywords(image, &name, 1, &map->bits[bit], &map->made));
			map->done |= (uint64_t)1 << bit;
		}
		*out |= map->bits[bit];
	}
	if (map->made)
		atomic_fetch_add(&image->keywords_version, 1);
	return OK;
}

struct copying {
	struct folder *f;
	const uint32_t *uids;
	size_t count;
	bool is_move;
	struct folder_status to;
	struct tally in, out;
	struct keyword_map map;
};

/* The source's rows may move when the target is the same folder and grows, so each row is copied first. */
static err copy_one(struct account *a, struct copying *c, uint32_t uid, struct copy_result *result)
{
	const struct message *source = row_of(c->f, uid);
	if (source == NULL)
		return OK;
	struct message m = *source, old = m;
	TRY(map_keywords(a, c->f, &c->to, old.keywords, &c->map, &m.keywords));
	m.changer = 0;
	TRY(tally_add(a, &c->in, &m));
	if (c->is_move)
		TRY(take_out(a, &c->out, &old));
	else
		TRY(change_run(a, ACCOUNT_parts_ref, old.id));
	if (result->copied == 0)
		result->first = m.uid;
	result->from[result->copied++] = uid;
	return OK;
}

static err copy(struct account *a, struct copying *c, struct copy_result *result)
{
	struct folder *image;
	for (size_t i = 0; i < c->count; i++) { /* the map needs the image before the tally looks for it */
		const struct message *m = row_of(c->f, c->uids[i]);
		if (m != NULL && m->keywords != 0) {
			TRY(image_load(a, &c->to, &image));
			break;
		}
	}
	TRY(tally_begin(a, c->to.id, &c->in));
	if (c->is_move)
		TRY(tally_begin(a, c->f->status.id, &c->out));
	for (size_t i = 0; i < c->count; i++)
		TRY(copy_one(a, c, c->uids[i], result));
	TRY(tally_write(a, &c->in));
	return c->is_move ? tally_write(a, &c->out) : OK;
}

static bool are_there(const struct copying *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (row_of(c->f, c->uids[i]) == NULL)
			return false;
	return true;
}

static err copy_locked(struct account *a, struct copying *c, str to, struct copy_result *result)
{
	TRY(folder_by_name(a, to, &c->to));
	if (c->to.is_container || atomic_load(&c->f->is_deleted))
		return FAIL(ABSENT);
	if (c->to.id == c->f->status.id)
		c->is_move = false; /* the caller expunges what was moved onto itself */
	TRY(change_begin(a));
	err e = change_end(a, copy(a, c, result));
	if (failed(e)) {
		image_undo(a, c->to.id);
		image_undo(a, c->f->status.id);
		return e;
	}
	result->uidvalidity = c->to.uidvalidity;
	tally_publish(a, &c->in);
	if (c->is_move) {
		image_remove(c->f, result->from, result->copied);
		tally_publish(a, &c->out);
	}
	return OK;
}

err folder_copy(struct folder *f, const uint32_t *uids, size_t count, str to, unsigned how, struct copy_result *out)
{
	struct account *a = f->account;
	struct copying c = { .f = f, .uids = uids, .count = count, .is_move = (how & FOLDER_MOVE) != 0 };
	const bool is_move = c.is_move;
	out->copied = 0;
	out->first = 0;
	account_lock(a);
	err e = (how & FOLDER_WHOLE) != 0 && !are_there(&c) ? FAIL(STATE) : copy_locked(a, &c, to, out);
	bool is_onto_itself = is_move && !c.is_move;
	account_unlock(a);
	if (!failed(e) && is_onto_itself)
		e = folder_expunge(f, out->from, out->copied);
	return e;
}
