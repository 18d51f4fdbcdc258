/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH. The tests come cheapest first within each message only as the client wrote them; what a test needs is read when
 * it is asked for, once per message. */
#include "proto/imap/search.h"

#include "proto/imap/date.h"
#include "proto/mime/search.h"
#include "role/mailbox/imap/content.h"

enum {
	BATCH = 128,
	BODY_MAX = 64 << 20, /* what is behind this in a larger message is not searched */
	TEXT_BUDGET = BODY_MAX + (8 << 20),
	NEEDLES_BUDGET = 16 << 20,
};

struct searching {
	struct imap_session *s;
	const struct imap_search *query;
	const struct mime_needle **needles; /* of the tests that look for text */
	struct arena *arena;                /* of one message's texts */
	const char *between;
	err e;

	/* The message that is looked at. */
	const struct message *row;
	uint32_t number;
	bool has_parts, has_header, has_all;
	struct parts_read parts;
	str header, text;
	struct mime_parts tree;
};

static bool load_parts(struct searching *q)
{
	size_t done;
	if (q->has_parts)
		return !q->parts.is_gone;
	q->has_parts = true;
	q->parts = (struct parts_read){ .id = q->row->id };
	err e = account_parts(q->s->account, q->arena, PARTS_TREE | PARTS_DATE, &q->parts, 1, &done);
	if (failed(e)) {
		q->e = e;
		q->parts.is_gone = true;
	}
	return !q->parts.is_gone;
}

static struct content content_of(const struct searching *q)
{
	return (struct content){ q->row->id, q->row->size, q->parts.header_size };
}

static void note(struct searching *q, err e)
{
	if (failed(e) && e.code != ERR_ABSENT)
		q->e = e;
}

static bool load_header(struct searching *q)
{
	if (q->has_header)
		return q->header.p != NULL;
	q->has_header = true;
	q->header = NO_STR;
	if (!load_parts(q))
		return false;
	struct content c = content_of(q);
	note(q, content_load(q->s, q->arena, &c, 0, q->parts.header_size, &q->header));
	return q->header.p != NULL;
}

static bool load_all(struct searching *q)
{
	if (q->has_all)
		return q->text.p != NULL;
	q->has_all = true;
	q->text = NO_STR;
	if (!load_parts(q))
		return false;
	struct content c = content_of(q);
	str text = NO_STR;
	err e = content_load(q->s, q->arena, &c, 0, BODY_MAX, &text);
	/* What was cut off is parsed anew: the tree speaks of the whole message. */
	if (!failed(e) && q->row->size > BODY_MAX)
		e = mime_parts_parse(q->arena, text, &q->tree);
	else if (!failed(e))
		e = mime_parts_unpack(q->arena, q->parts.tree, q->row->size, &q->tree);
	note(q, e);
	if (!failed(e))
		q->text = text;
	return q->text.p != NULL;
}

static bool has_keyword(const struct searching *q, str name)
{
	for (unsigned i = 0; i < FOLDER_KEYWORDS_MAX; i++)
		if ((q->row->keywords >> i & 1) != 0 && q->s->view.keywords[i].p != NULL &&
			str_eq_nocase(q->s->view.keywords[i], name))
			return true;
	return false;
}

static bool is_between(const struct imap_search_test *t, int64_t value) { return t->low <= value && value <= t->high; }

static bool holds(struct searching *q, const struct imap_search_test *t, const struct mime_needle *needle)
{
	const struct view_entry *entry = &q->s->view.entries[q->number - 1];
	switch (t->key) {
	case IMAP_SEARCH_ALL:
		return true;
	case IMAP_SEARCH_SET:
		return imap_sequence_has(&t->set, q->number);
	case IMAP_SEARCH_UID:
		return imap_sequence_has(&t->set, q->row->uid);
	case IMAP_SEARCH_FLAG:
		return ((q->row->flags | (entry->is_recent != 0 ? IMAP_FLAG_RECENT : 0)) & t->mask) == t->flags;
	case IMAP_SEARCH_KEYWORD:
		return has_keyword(q, t->text);
	case IMAP_SEARCH_ARRIVED:
		return is_between(
			t, imap_datetime_day((struct imap_datetime){ q->row->seconds, q->row->zone_minutes }));
	case IMAP_SEARCH_SIZE:
		return is_between(t, q->row->size);
	case IMAP_SEARCH_SENT:
		return load_parts(q) && q->parts.has_date &&
		       is_between(t, imap_datetime_day((struct imap_datetime){ q->parts.date, q->parts.date_zone }));
	case IMAP_SEARCH_ADDRESS:
	case IMAP_SEARCH_HEADER:
		return load_header(q) && mime_search_field(needle, q->header, t->field);
	case IMAP_SEARCH_BODY:
		return load_all(q) && mime_search_body(needle, q->text, q->tree);
	case IMAP_SEARCH_TEXT:
		return load_all(q) && mime_search_text(needle, q->text, q->tree);
	default:
		return false;
	}
}

static bool matches(struct searching *q)
{
	uint16_t at = q->query->start;
	q->has_parts = q->has_header = q->has_all = false;
	while (at < IMAP_SEARCH_NO_MATCH) {
		const struct imap_search_test *t = &q->query->tests[at];
		at = holds(q, t, q->needles[at]) ? t->yes : t->no;
	}
	arena_reset(q->arena);
	return at == IMAP_SEARCH_MATCH;
}

static void look_at(struct searching *q, uint32_t first, size_t count, bool by_uid)
{
	struct message rows[BATCH];
	uint32_t uids[BATCH];
	for (size_t i = 0; i < count; i++)
		uids[i] = q->s->view.entries[first - 1 + i].uid;
	size_t found = folder_find(q->s->view.folder, uids, count, rows);
	for (size_t i = 0, at = 0; at < found && !failed(q->e); i++) {
		if (rows[at].uid != q->s->view.entries[first - 1 + i].uid)
			continue;
		q->row = &rows[at++];
		q->number = first + (uint32_t)i;
		if (matches(q))
			io_putf(q->s->io, " %u", by_uid ? q->row->uid : q->number);
	}
	q->row = NULL;
}

/* Sets in the place of "*", needles for texts. */
static err prepare(
	struct imap_session *s, const struct imap_search *query, struct arena *a, const struct mime_needle ***out)
{
	uint32_t count = s->view.count, last = count > 0 ? s->view.entries[count - 1].uid : 0;
	const struct mime_needle **needles = NEW(a, const struct mime_needle *, query->count);
	if (needles == NULL)
		return FAIL(MEMORY);
	for (uint16_t i = 0; i < query->count; i++) {
		struct imap_search_test *t = &query->tests[i];
		if (t->key == IMAP_SEARCH_SET || t->key == IMAP_SEARCH_UID)
			imap_sequence_resolve(&t->set, t->key == IMAP_SEARCH_UID ? last : count);
		if (t->key == IMAP_SEARCH_SET && imap_sequence_highest(&t->set) > count)
			return FAIL(SYNTAX);
		if (t->key >= IMAP_SEARCH_ADDRESS)
			TRY(mime_needle_make(a, t->text, &needles[i]));
	}
	*out = needles;
	return OK;
}

struct reply command_search(struct imap_session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_search query;
	err e = imap_search_parse(&cur, s->command, &query);
	if (e.code == ERR_UNSUPPORTED)
		return REPLY_NO("[BADCHARSET (US-ASCII UTF-8)] that character set is not known here");
	if (failed(e))
		return reply_bad(s, e, &cur);
	e = view_tell(s, c->uid);
	if (failed(e))
		return reply_failed(s, e);
	struct arena *arena = arena_new("needles", NEEDLES_BUDGET);
	struct searching q = { .s = s, .query = &query, .e = OK };
	e = prepare(s, &query, arena, &q.needles);
	if (!failed(e)) {
		q.arena = arena_new("searched", TEXT_BUDGET);
		account_pin(s->account);
		io_put(s->io, S("* SEARCH"));
		for (uint32_t first = 1; first <= s->view.count && !failed(q.e); first += BATCH) {
			size_t left = s->view.count - first + 1;
			session_patience(s);
			look_at(&q, first, left < BATCH ? left : BATCH, c->uid);
		}
		io_put(s->io, S("\r\n"));
		account_unpin(s->account);
		arena_free(&q.arena);
		e = q.e;
	}
	arena_free(&arena);
	if (e.code == ERR_SYNTAX)
		return REPLY_BAD("there is no message with that number");
	return failed(e) ? reply_failed(s, e) : REPLY_OK("done");
}
