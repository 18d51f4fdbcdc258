/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH, some messages at a time: their rows, their ready-made parts, and, message by message, what must be read. */
#include "proto/imap/fetch.h"

#include "proto/imap/date.h"
#include "proto/mime/section.h"
#include "role/mailbox/imap/content.h"

enum {
	BATCH = 128,
	LINE_ROOM = 8 << 10,
	NAME_ROOM = 24 << 10, /* of a section: IMAP_SECTION_FIELDS_MAX names */
	PARTS_BUDGET = 24 << 20,
	HEADER_BUDGET = 64 << 20,
};

struct fetching {
	struct imap_session *s;
	const struct imap_fetch *query;
	unsigned items;  /* of the query, and UID for UID FETCH */
	unsigned wanted; /* of account_parts() */
	struct arena *parts_arena, *header_arena;
	struct buf room;    /* for pieces of messages */
	bool is_incomplete; /* something could not be given */
	bool is_gone;       /* some messages are no longer there */
	size_t count;       /* of the batch */
	uint32_t numbers[BATCH], uids[BATCH];
	struct message rows[BATCH];
	struct parts_read parts[BATCH];
	bool was_seen[BATCH]; /* its \Seen was set by this command */
};

static unsigned parts_wanted(const struct imap_fetch *q)
{
	unsigned wanted = 0;
	wanted |= q->items & IMAP_FETCH_ENVELOPE ? PARTS_ENVELOPE : 0;
	wanted |= q->items & IMAP_FETCH_BODYSTRUCTURE ? PARTS_BODYSTRUCTURE : 0;
	wanted |= q->items & IMAP_FETCH_STRUCTURE ? PARTS_BODY : 0;
	for (size_t i = 0; i < q->section_count; i++)
		if (q->sections[i].part_count > 0)
			wanted |= PARTS_TREE;
	return wanted;
}

/* Text that may be larger than what a line holds. */
static void put_item(struct imap_session *s, const char **between, const char *name, str value)
{
	io_put(s->io, str_of(*between));
	io_put(s->io, str_of(name));
	io_put(s->io, value);
	*between = " ";
}

static void put_row(struct fetching *f, size_t i, const char **between)
{
	char line[LINE_ROOM];
	struct buf b = BUF_ON(line);
	const struct message *m = &f->rows[i];
	const struct view_entry *entry = &f->s->view.entries[f->numbers[i] - 1];
	if ((f->items & IMAP_FETCH_UID) != 0) {
		buf_addf(&b, "%sUID %u", *between, m->uid);
		*between = " ";
	}
	if ((f->items & IMAP_FETCH_FLAGS) != 0 || f->was_seen[i]) {
		buf_addf(&b, "%sFLAGS ", *between);
		view_write_flags(&f->s->view, &b, m, entry->is_recent != 0);
		*between = " ";
	}
	if ((f->items & IMAP_FETCH_INTERNALDATE) != 0) {
		buf_addf(&b, "%sINTERNALDATE ", *between);
		imap_write_datetime(&b, (struct imap_datetime){ m->seconds, m->zone_minutes });
		*between = " ";
	}
	if ((f->items & IMAP_FETCH_SIZE) != 0) {
		buf_addf(&b, "%sRFC822.SIZE %u", *between, m->size);
		*between = " ";
	}
	io_put(f->s->io, buf_str(&b));
}

static void put_parts(struct fetching *f, size_t i, const char **between)
{
	const struct parts_read *p = &f->parts[i];
	if ((f->items & IMAP_FETCH_ENVELOPE) != 0)
		put_item(f->s, between, "ENVELOPE ", p->envelope);
	if ((f->items & IMAP_FETCH_STRUCTURE) != 0)
		put_item(f->s, between, "BODY ", p->body);
	if ((f->items & IMAP_FETCH_BODYSTRUCTURE) != 0)
		put_item(f->s, between, "BODYSTRUCTURE ", p->bodystructure);
}

/* Where a section stands in its message. ERR_ABSENT: nowhere. */
static err find(struct fetching *f, size_t i, const struct imap_section *q, size_t *at, size_t *size)
{
	const struct parts_read *p = &f->parts[i];
	static const enum mime_section_what what[] = {
		[IMAP_SECTION_ALL] = MIME_SECTION_ALL,
		[IMAP_SECTION_HEADER] = MIME_SECTION_HEADER,
		[IMAP_SECTION_FIELDS] = MIME_SECTION_HEADER,
		[IMAP_SECTION_FIELDS_NOT] = MIME_SECTION_HEADER,
		[IMAP_SECTION_TEXT] = MIME_SECTION_TEXT,
		[IMAP_SECTION_MIME] = MIME_SECTION_MIME,
	};
	if (q->part_count > 0) {
		struct mime_parts tree;
		struct mime_section section = { q->parts, q->part_count, what[q->text] };
		TRY(mime_parts_unpack(f->header_arena, p->tree, f->rows[i].size, &tree));
		return mime_section_find(tree, &section, at, size);
	}
	bool is_header = what[q->text] == MIME_SECTION_HEADER, is_text = q->text == IMAP_SECTION_TEXT;
	*at = is_text ? p->header_size : 0;
	*size = is_header ? p->header_size : f->rows[i].size - *at;
	return OK;
}

static void cut(const struct imap_section *q, uint64_t *at, uint64_t *end)
{
	if (!q->is_partial)
		return;
	*at = q->offset < *end - *at ? *at + q->offset : *end;
	if (q->length < *end - *at)
		*end = *at + q->length;
}

static err put_fields(struct fetching *f, const struct content *c, const struct imap_section *q, size_t at, size_t size)
{
	str header, fields;
	TRY(content_load(f->s, f->header_arena, c, at, at + size, &header));
	TRY(mime_section_fields(
		f->header_arena, header, q->fields, q->field_count, q->text == IMAP_SECTION_FIELDS_NOT, &fields));
	uint64_t from = 0, end = fields.n;
	cut(q, &from, &end);
	io_putf(f->s->io, "{%llu}\r\n", (unsigned long long)(end - from));
	io_put(f->s->io, str_slice(fields, (size_t)from, (size_t)end));
	return OK;
}

/* What cannot be found is NIL; what cannot be read is NIL, too, and the command answers NO. */
static err put_section(struct fetching *f, size_t i, const struct imap_section *q, const char **between)
{
	char room[NAME_ROOM];
	struct buf name = BUF_ON(room);
	struct content c = { f->rows[i].id, f->rows[i].size, f->parts[i].header_size };
	size_t at, size;
	buf_add(&name, str_of(*between));
	imap_write_section(&name, q);
	buf_byte(&name, ' ');
	io_put(f->s->io, buf_str(&name));
	*between = " ";
	arena_reset(f->header_arena);
	err e = find(f, i, q, &at, &size);
	if (!failed(e) && (q->text == IMAP_SECTION_FIELDS || q->text == IMAP_SECTION_FIELDS_NOT)) {
		e = put_fields(f, &c, q, at, size);
	} else if (!failed(e)) {
		uint64_t from = at, end = at + size;
		cut(q, &from, &end);
		return content_send(f->s, &f->room, &c, from, end);
	}
	if (!failed(e))
		return OK;
	io_put(f->s->io, S("NIL"));
	f->is_incomplete = f->is_incomplete || e.code != ERR_ABSENT;
	return e.code == ERR_ABSENT || e.code == ERR_MEMORY ? OK : e;
}

static err put_message(struct fetching *f, size_t i)
{
	const char *between = "";
	if (f->parts[i].is_gone) {
		f->is_gone = true;
		return OK;
	}
	io_putf(f->s->io, "* %u FETCH (", f->numbers[i]);
	put_row(f, i, &between);
	put_parts(f, i, &between);
	for (size_t n = 0; n < f->query->section_count; n++)
		TRY(put_section(f, i, &f->query->sections[n], &between));
	io_put(f->s->io, S(")\r\n"));
	return OK;
}

/* Rows of the batch's UIDs; numbers and UIDs of messages that are gone fall out. */
static void read_rows(struct fetching *f)
{
	size_t found = folder_find(f->s->view.folder, f->uids, f->count, f->rows), at = 0;
	f->is_gone = f->is_gone || found < f->count;
	for (size_t i = 0; i < f->count && at < found; i++)
		if (f->rows[at].uid == f->uids[i]) {
			f->uids[at] = f->uids[i];
			f->numbers[at++] = f->numbers[i];
		}
	f->count = found;
}

/* RFC 3501 6.4.5: a section that is no peek sets \Seen, and the answer says so. */
static err set_seen(struct fetching *f)
{
	uint32_t unseen[BATCH];
	size_t n = 0;
	for (size_t i = 0; i < f->count; i++)
		if ((f->rows[i].flags & IMAP_FLAG_SEEN) == 0)
			unseen[n++] = f->uids[i];
	if (n == 0 || !f->query->sets_seen || f->s->view.is_read_only)
		return OK;
	struct flag_order order = { .change = FLAGS_ADD, .flags = IMAP_FLAG_SEEN, .changer = f->s->number };
	TRY(folder_flag(f->s->view.folder, unseen, n, &order));
	read_rows(f);
	for (size_t i = 0, at = 0; i < f->count && at < n; i++) {
		while (at < n && unseen[at] < f->uids[i])
			at++;
		f->was_seen[i] = at < n && unseen[at] == f->uids[i];
	}
	return OK;
}

static err put_batch(struct fetching *f)
{
	size_t from = 0, done = 0;
	bool needs_parts = f->wanted != 0 || f->query->section_count > 0;
	memset(f->was_seen, 0, sizeof f->was_seen);
	memset(f->parts, 0, sizeof f->parts);
	read_rows(f);
	TRY(set_seen(f));
	for (size_t i = 0; i < f->count; i++)
		f->parts[i].id = f->rows[i].id;
	for (; from < f->count; from += done) {
		done = f->count - from;
		if (needs_parts) {
			arena_reset(f->parts_arena);
			TRY(account_parts(
				f->s->account, f->parts_arena, f->wanted, f->parts + from, f->count - from, &done));
		}
		session_patience(f->s);
		for (size_t i = from; i < from + done; i++)
			TRY(put_message(f, i));
	}
	return OK;
}

static err fetch(struct fetching *f, struct view_walk *w)
{
	err e = OK;
	while (!failed(e) && (f->count = view_walk_next(w, f->numbers, BATCH)) > 0) {
		for (size_t i = 0; i < f->count; i++)
			f->uids[i] = f->s->view.entries[f->numbers[i] - 1].uid;
		e = put_batch(f);
	}
	return e;
}

static struct reply run(struct imap_session *s, const struct imap_fetch *query, struct view_walk *w, bool with_uid)
{
	/* Bodies stay while they are read, even if another session expunges them. */
	bool has_sections = query->section_count > 0;
	struct arena *arena = arena_new("fetch", sizeof(struct fetching) + ACCOUNT_COPY_MAX + 4096);
	struct fetching *f = NEW(arena, struct fetching, 1);
	*f = (struct fetching){
		.s = s,
		.query = query,
		.items = query->items | (with_uid ? IMAP_FETCH_UID : 0),
		.wanted = parts_wanted(query),
		.parts_arena = arena_new("parts", PARTS_BUDGET),
		.header_arena = arena_new("header", HEADER_BUDGET),
		.room = has_sections ? buf_in(arena, ACCOUNT_COPY_MAX) : (struct buf){ 0 },
	};
	if (has_sections)
		account_pin(s->account);
	err e = fetch(f, w);
	if (has_sections)
		account_unpin(s->account);
	bool is_gone = f->is_gone, is_incomplete = f->is_incomplete;
	arena_free(&f->parts_arena);
	arena_free(&f->header_arena);
	arena_free(&arena);
	if (failed(e))
		return reply_failed(s, e);
	if (is_gone && !with_uid)
		return REPLY_NO("[EXPUNGEISSUED] some of the messages are gone");
	return is_incomplete ? REPLY_NO("[LIMIT] some of it is too large") : REPLY_OK("done");
}

struct reply command_fetch(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_fetch query;
	struct view_walk walk;
	err e = imap_fetch_parse(&cur, s->command, &query);
	if (failed(e))
		return reply_bad(s, e, &cur);
	e = view_tell(s, c->uid); /* so that flags are shown with the keywords that are known */
	if (failed(e))
		return reply_failed(s, e);
	if (failed(view_walk(&s->view, &query.set, c->uid, &walk)))
		return REPLY_BAD("there is no message with that number");
	return run(s, &query, &walk, c->uid);
}
