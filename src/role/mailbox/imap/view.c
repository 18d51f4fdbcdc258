/* SPDX-License-Identifier: Apache-2.0 */
#include "role/mailbox/imap/view.h"

#include "role/mailbox/imap/session.h"

enum { FIRST_ROOM = 64, BATCH = 128, ENTRIES_BUDGET = 512 << 20, NAMES_BUDGET = 16 << 10, LINE_ROOM = 10 << 10 };

static err reserve(struct view *v, size_t more)
{
	size_t need = v->count + more;
	if (need <= v->room)
		return OK;
	if (need > UINT32_MAX / 2)
		return FAIL(LIMIT);
	size_t room = v->room > 0 ? v->room : FIRST_ROOM;
	while (room < need)
		room += room / 2;
	struct arena *arena = arena_new("view", ENTRIES_BUDGET);
	struct view_entry *entries = NEW(arena, struct view_entry, room);
	if (entries == NULL) {
		arena_free(&arena);
		return FAIL(MEMORY);
	}
	if (v->count > 0)
		memcpy(entries, v->entries, v->count * sizeof *entries);
	arena_free(&v->arena);
	v->arena = arena;
	v->entries = entries;
	v->room = (uint32_t)room;
	return OK;
}

static err add(struct view *v, uint32_t uid, bool is_recent)
{
	TRY(reserve(v, 1));
	v->entries[v->count++] = (struct view_entry){ uid, is_recent };
	v->recent += is_recent;
	return OK;
}

static err read_keywords(struct view *v)
{
	if (v->names == NULL)
		v->names = arena_new("keywords", NAMES_BUDGET);
	arena_reset(v->names);
	return folder_keywords(v->folder, v->names, v->keywords, &v->keywords_version);
}

static err fill(struct view *v, uint32_t recent_from)
{
	struct message rows[BATCH];
	struct folder_status status;
	v->version = folder_version(v->folder);
	folder_status(v->folder, &status);
	v->modseq = status.modseq;
	TRY(reserve(v, status.messages));
	uint32_t after = 0;
	for (size_t n; (n = folder_rows(v->folder, after, rows, BATCH)) > 0; after = rows[n - 1].uid)
		for (size_t i = 0; i < n; i++)
			TRY(add(v, rows[i].uid, rows[i].uid >= recent_from));
	v->uid_next = after >= status.uid_next ? after + 1 : status.uid_next;
	return read_keywords(v);
}

err view_open(struct imap_session *s, str name, bool is_read_only)
{
	struct view *v = &s->view;
	uint32_t recent_from = 0;
	view_close(v);
	TRY(folder_open(s->account, name, !is_read_only, &v->folder, &recent_from));
	v->is_read_only = is_read_only;
	folder_watch(v->folder, &v->watch);
	err e = fill(v, recent_from);
	if (failed(e))
		view_close(v);
	return e;
}

/* The watch's descriptor stays: it belongs to the session. */
void view_close(struct view *v)
{
	int fd = v->watch.fd;
	if (v->folder != NULL)
		folder_unwatch(v->folder, &v->watch);
	folder_close(&v->folder);
	arena_free(&v->arena);
	arena_free(&v->names);
	*v = (struct view){ .watch.fd = fd };
}

err view_tell_flags(struct imap_session *s)
{
	char room[LINE_ROOM];
	str names[FOLDER_KEYWORDS_MAX];
	struct buf b = BUF_ON(room);
	struct imap_flags flags = { .system = IMAP_FLAG_ANSWERED | IMAP_FLAG_FLAGGED | IMAP_FLAG_DELETED |
					      IMAP_FLAG_SEEN | IMAP_FLAG_DRAFT,
		.keywords = names };
	for (unsigned i = 0; i < FOLDER_KEYWORDS_MAX; i++)
		if (s->view.keywords[i].p != NULL)
			names[flags.count++] = s->view.keywords[i];
	buf_add(&b, S("* FLAGS "));
	imap_write_flags(&b, flags);
	buf_add(&b, S("\r\n* OK [PERMANENTFLAGS "));
	if (s->view.is_read_only)
		buf_add(&b, S("()"));
	else
		imap_write_permanent_flags(&b, flags, true);
	buf_add(&b, S("] flags that last\r\n"));
	if (b.lost)
		return FAIL(MEMORY);
	io_put(s->io, buf_str(&b));
	return OK;
}

void view_write_flags(const struct view *v, struct buf *b, const struct message *m, bool is_recent)
{
	str names[FOLDER_KEYWORDS_MAX];
	struct imap_flags flags = { .system = m->flags | (is_recent ? IMAP_FLAG_RECENT : 0), .keywords = names };
	for (uint64_t bits = m->keywords; bits != 0; bits &= bits - 1) {
		str name = v->keywords[__builtin_ctzll(bits)];
		if (name.p != NULL)
			names[flags.count++] = name;
	}
	imap_write_flags(b, flags);
}

/* Keywords must be known before a message shows them. */
static err refresh_keywords(struct imap_session *s)
{
	if (s->view.keywords_version == folder_keywords_version(s->view.folder))
		return OK;
	TRY(read_keywords(&s->view));
	return view_tell_flags(s);
}

static void tell_message_flags(struct imap_session *s, uint32_t number, const struct message *m, bool is_recent)
{
	char line[LINE_ROOM];
	struct buf b = BUF_ON(line);
	buf_addf(&b, "* %u FETCH (FLAGS ", number);
	view_write_flags(&s->view, &b, m, is_recent);
	buf_add(&b, S(")\r\n"));
	if (!b.lost)
		io_put(s->io, buf_str(&b));
}

/* One pass over what the client knows and what there is, both in the order of UIDs. */
struct telling {
	struct imap_session *s;
	bool with_expunges, has_hidden;
	uint32_t read, written; /* entries before `written` are settled, those from `read` on not looked at yet */
	uint32_t last_known;    /* UID */
};

static void keep_entry(struct telling *t)
{
	struct view *v = &t->s->view;
	v->entries[t->written++] = v->entries[t->read++];
}

/* Entries up to that UID have no row any more. */
static void pass_gone(struct telling *t, uint32_t before)
{
	struct view *v = &t->s->view;
	while (t->read < v->count && v->entries[t->read].uid < before) {
		if (!t->with_expunges) {
			t->has_hidden = true;
			keep_entry(t);
			continue;
		}
		io_putf(t->s->io, "* %u EXPUNGE\r\n", t->written + 1);
		v->recent -= v->entries[t->read++].is_recent;
	}
}

static void pass_row(struct telling *t, const struct message *m)
{
	struct view *v = &t->s->view;
	pass_gone(t, m->uid);
	if (t->read >= v->count || v->entries[t->read].uid != m->uid)
		return; /* a new one */
	bool is_recent = v->entries[t->read].is_recent != 0;
	keep_entry(t);
	if (m->modseq > v->modseq && m->changer != t->s->number)
		tell_message_flags(t->s, t->written, m, is_recent);
}

static err add_new(struct imap_session *s, uint32_t after)
{
	struct view *v = &s->view;
	struct message rows[BATCH];
	uint32_t before = v->count;
	uint32_t recent_from = UINT32_MAX;
	if (folder_rows(v->folder, after, rows, 1) == 0)
		return OK;
	if (!v->is_read_only)
		recent_from = folder_take_recent(v->folder);
	for (size_t n; (n = folder_rows(v->folder, after, rows, BATCH)) > 0; after = rows[n - 1].uid)
		for (size_t i = 0; i < n; i++)
			TRY(add(v, rows[i].uid, rows[i].uid >= recent_from));
	if (v->count != before)
		io_putf(s->io, "* %u EXISTS\r\n* %u RECENT\r\n", v->count, v->recent);
	return OK;
}

err view_tell(struct imap_session *s, bool with_expunges)
{
	struct view *v = &s->view;
	uint64_t version = folder_version(v->folder);
	if (version == v->version && !(v->has_hidden && with_expunges))
		return OK;
	struct message rows[BATCH];
	struct folder_status status;
	struct telling t = { .s = s, .with_expunges = with_expunges };
	uint32_t after = 0, last = v->count > 0 ? v->entries[v->count - 1].uid : 0;
	folder_status(v->folder, &status);
	TRY(refresh_keywords(s));
	for (size_t n; (n = folder_rows(v->folder, after, rows, BATCH)) > 0; after = rows[n - 1].uid) {
		for (size_t i = 0; i < n && rows[i].uid <= last; i++)
			pass_row(&t, &rows[i]);
		if (rows[n - 1].uid >= last)
			break;
	}
	pass_gone(&t, UINT32_MAX);
	v->count = t.written;
	TRY(add_new(s, last));
	v->has_hidden = t.has_hidden;
	v->version = version;
	v->modseq = status.modseq;
	return OK;
}

/* The first message number whose UID is at least that; count + 1 if there is none. */
static uint32_t number_from_uid(const struct view *v, uint32_t uid)
{
	uint32_t low = 0, high = v->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (v->entries[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low + 1;
}

err view_walk(const struct view *v, struct imap_sequence *set, bool by_uid, struct view_walk *out)
{
	uint32_t star = by_uid ? (v->count > 0 ? v->entries[v->count - 1].uid : 0) : v->count;
	imap_sequence_resolve(set, star);
	if (!by_uid && imap_sequence_highest(set) > v->count)
		return FAIL(SYNTAX);
	*out = (struct view_walk){ .view = v, .set = *set, .by_uid = by_uid };
	return OK;
}

size_t view_walk_next(struct view_walk *w, uint32_t *numbers, size_t room)
{
	size_t n = 0;
	while (n < room && w->range < w->set.count) {
		struct imap_range r = w->set.ranges[w->range];
		if (w->at == 0)
			w->at = w->by_uid ? number_from_uid(w->view, r.first) : r.first;
		bool is_inside = w->at <= w->view->count &&
				 (w->by_uid ? w->view->entries[w->at - 1].uid <= r.last : w->at <= r.last);
		if (is_inside) {
			numbers[n++] = w->at++;
		} else {
			w->at = 0;
			w->range++;
		}
	}
	return n;
}

err view_uids(
	struct view *v, struct imap_sequence *set, bool by_uid, struct arena **arena, uint32_t **uids, size_t *count)
{
	struct view_walk w;
	TRY(view_walk(v, set, by_uid, &w));
	struct arena *a = arena_new("uids", ((size_t)v->count + 1) * sizeof **uids + 64);
	uint32_t *list = NEW(a, uint32_t, (size_t)v->count + 1);
	if (list == NULL) {
		arena_free(&a);
		return FAIL(MEMORY);
	}
	size_t n = 0;
	for (size_t got; (got = view_walk_next(&w, list + n, v->count - n)) > 0; n += got)
		;
	for (size_t i = 0; i < n; i++)
		list[i] = v->entries[list[i] - 1].uid;
	*arena = a;
	*uids = list;
	*count = n;
	return OK;
}
