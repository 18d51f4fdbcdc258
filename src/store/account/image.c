/* SPDX-License-Identifier: Apache-2.0 */
/* Folders in memory. This process is the only one that opens the account, so what stands here is what the file says; each
 * change goes to the file first and here after its commit. Rows are in the order of their UIDs. */
#include "store/account/inside.h"

enum {
	FIRST_ROOM = 64,
	KEPT_MAX = 4, /* folders without users that are kept in memory */
	ROWS_BUDGET = 512 << 20,
	ROWS_AHEAD = 64 << 10, /* room made at most for rows that the folder's row only says there are */
};

err folder_row(struct sql_statement *st, struct folder_status *out)
{
	*out = (struct folder_status){
		.id = sql_column_number(st, 0),
		.uidvalidity = (uint32_t)sql_column_count(st, 2),
		.uid_next = (uint32_t)sql_column_count(st, 3),
		.messages = (uint32_t)sql_column_count(st, 4),
		.unseen = (uint32_t)sql_column_count(st, 5),
		.recent = (uint32_t)sql_column_count(st, 6),
		.bytes = sql_column_count(st, 7),
		.modseq = sql_column_count(st, 8),
		.uses = (unsigned)sql_column_count(st, 9),
		.is_container = sql_column_number(st, 10) != 0,
	};
	return out->id > 0 ? OK : FAIL(DAMAGED);
}

err folder_by_name(struct account *a, str name, struct folder_status *out)
{
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_by_name);
	sql_bind_text(st, name);
	TRY(sql_one(st));
	err e = folder_row(st, out);
	out->name = name;
	sql_done(st);
	return e;
}

struct folder *image_find(struct account *a, int64_t id)
{
	struct folder *f = a->open;
	while (f != NULL && (f->status.id != id || atomic_load(&f->is_deleted)))
		f = f->next;
	return f;
}

static void image_free(struct folder *f)
{
	struct folder **at = &f->account->open;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	arena_free(&f->arena);
	struct arena *self = f->self;
	arena_free(&self);
}

void image_drop_unused(struct account *a)
{
	for (struct folder *f = a->open, *next; f != NULL; f = next) {
		next = f->next;
		if (f->users == 0)
			image_free(f);
	}
}

err image_reserve(struct folder *f, size_t rows)
{
	size_t need = f->count + f->pending + rows;
	if (need <= f->room)
		return OK;
	size_t room = f->room > 0 ? f->room : FIRST_ROOM;
	while (room < need)
		room += room / 2;
	struct arena *arena = arena_new("folder", ROWS_BUDGET);
	struct message *p = NEW(arena, struct message, room);
	if (p == NULL) {
		arena_free(&arena);
		return FAIL(MEMORY);
	}
	if (f->rows != NULL)
		memcpy(p, f->rows, (f->count + f->pending) * sizeof *p);
	arena_free(&f->arena);
	f->arena = arena;
	f->rows = p;
	f->room = room;
	return OK;
}

/* The next row, which must have a higher UID than the one before: everything that looks rows up relies on it. */
static err load_row(struct folder *f, struct sql_statement *st)
{
	uint64_t uid = sql_column_count(st, 0);
	if (uid == 0 || uid > UINT32_MAX || (f->count > 0 && uid <= f->rows[f->count - 1].uid))
		return FAIL(DAMAGED);
	TRY(image_reserve(f, 1));
	f->rows[f->count++] = (struct message){
		.uid = (uint32_t)uid,
		.flags = (uint16_t)sql_column_count(st, 1),
		.keywords = (uint64_t)sql_column_number(st, 2),
		.modseq = sql_column_count(st, 3),
		.size = (uint32_t)sql_column_count(st, 4),
		.seconds = sql_column_number(st, 5),
		.zone_minutes = (int16_t)sql_column_number(st, 6),
		.id = sql_column_number(st, 7),
	};
	return OK;
}

static err load_rows(struct folder *f)
{
	struct sql_statement *st = sql_use(f->account->sql, ACCOUNT_message_list);
	const size_t ahead = f->status.messages < ROWS_AHEAD ? f->status.messages : ROWS_AHEAD;
	bool row = true;
	sql_bind_number(st, f->status.id);
	err e = image_reserve(f, ahead);
	while (!failed(e) && row) {
		e = sql_step(st, &row);
		if (!failed(e) && row)
			e = load_row(f, st);
	}
	sql_done(st);
	f->status.messages = (uint32_t)f->count;
	return e;
}

err image_reload_keywords(struct folder *f)
{
	memset(f->keywords, 0, sizeof f->keywords);
	atomic_fetch_add(&f->keywords_version, 1);
	struct sql_statement *st = sql_use(f->account->sql, ACCOUNT_keyword_list);
	sql_bind_number(st, f->status.id);
	for (bool row = true;;) {
		TRY(sql_step(st, &row));
		if (!row)
			return OK;
		uint64_t bit = sql_column_count(st, 0);
		str name = sql_column_bytes(st, 1);
		if (bit < FOLDER_KEYWORDS_MAX && name.n > 0 && name.n < sizeof f->keywords[0])
			memcpy(f->keywords[bit], name.p, name.n);
	}
}

void image_undo(struct account *a, int64_t folder)
{
	struct folder *f = image_find(a, folder);
	if (f == NULL)
		return;
	f->pending = 0;
	IGNORE(image_reload_keywords(f)); /* names that cannot be read are not shown */
}

static void make_place(struct account *a)
{
	unsigned kept = 0;
	for (struct folder *f = a->open; f != NULL; f = f->next)
		kept += f->users == 0;
	if (kept >= KEPT_MAX)
		image_drop_unused(a);
}

err image_load(struct account *a, const struct folder_status *status, struct folder **out)
{
	struct folder *f = image_find(a, status->id);
	if (f != NULL) {
		*out = f;
		return OK;
	}
	make_place(a);
	struct arena *self = arena_new("folder", sizeof *f + 64);
	f = NEW(self, struct folder, 1);
	if (f == NULL) {
		arena_free(&self);
		return FAIL(MEMORY);
	}
	f->self = self;
	f->account = a;
	f->status = *status;
	f->status.name = NO_STR;
	f->next = a->open;
	a->open = f;
	struct sql_statement *st = sql_use(a->sql, ACCOUNT_folder_marks);
	sql_bind_number(st, status->id);
	err e = sql_one(st);
	if (!failed(e)) {
		f->recent_from = (uint32_t)sql_column_count(st, 2);
		sql_done(st);
		e = load_rows(f);
	}
	if (!failed(e))
		e = image_reload_keywords(f);
	if (failed(e)) {
		image_free(f);
		return e;
	}
	*out = f;
	return OK;
}

size_t image_position(const struct folder *f, uint32_t uid)
{
	size_t low = 0, high = f->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (f->rows[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void image_remove(struct folder *f, const uint32_t *uids, size_t count)
{
	if (count == 0)
		return;
	size_t to = image_position(f, uids[0]), at = 0;
	for (size_t from = to; from < f->count; from++) {
		while (at < count && uids[at] < f->rows[from].uid)
			at++;
		if (at < count && uids[at] == f->rows[from].uid)
			continue;
		f->rows[to++] = f->rows[from];
	}
	f->count = to;
}

static bool keyword_is(const struct folder *f, unsigned bit, str name)
{
	return f->keywords[bit][0] != '\0' && str_eq_nocase(str_of(f->keywords[bit]), name);
}

/* A bit that no message of the folder uses any more; a free one first. */
static unsigned free_bit(const struct folder *f, uint64_t taken)
{
	unsigned bit = 0;
	while (bit < FOLDER_KEYWORDS_MAX && (f->keywords[bit][0] != '\0' || (taken >> bit & 1) != 0))
		bit++;
	if (bit < FOLDER_KEYWORDS_MAX)
		return bit;
	for (size_t i = 0; i < f->count; i++)
		taken |= f->rows[i].keywords;
	for (bit = 0; bit < FOLDER_KEYWORDS_MAX && (taken >> bit & 1) != 0;)
		bit++;
	return bit;
}

err image_keywords(struct folder *f, const str *names, size_t count, uint64_t *bits, bool *made)
{
	uint64_t set = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned bit = 0;
		while (bit < FOLDER_KEYWORDS_MAX && !keyword_is(f, bit, names[i]))
			bit++;
		if (bit == FOLDER_KEYWORDS_MAX) {
			bit = free_bit(f, set);
			if (bit == FOLDER_KEYWORDS_MAX || names[i].n == 0 || names[i].n >= sizeof f->keywords[0])
				return FAIL(LIMIT);
			*made = true;
			memset(f->keywords[bit], 0, sizeof f->keywords[bit]);
			memcpy(f->keywords[bit], names[i].p, names[i].n);
			struct sql_statement *st = sql_use(f->account->sql, ACCOUNT_keyword_set);
			sql_bind_number(st, f->status.id);
			sql_bind_number(st, bit);
			sql_bind_text(st, names[i]);
			TRY(sql_run(st));
		}
		set |= (uint64_t)1 << bit;
	}
	*bits = set;
	return OK;
}
