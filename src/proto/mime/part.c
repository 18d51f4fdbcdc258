/* SPDX-License-Identifier: Apache-2.0 */
/* One walk over the lines of the message with a stack of open boundaries. A delimiter line closes every part down to
 * the multipart that its boundary belongs to. "An exact match of the entire candidate line is not required" (RFC 2046
 * 5.1.1), so a boundary may be the prefix of another one: the longest that fits is meant, the innermost of equals.
 * Nothing is read twice but headers (once for their end, once for their fields), and the stack is bounded. */
#include "proto/mime/part.h"

#include "proto/mime/header.h"

/* What the Content-Type of one part may cost while it is being read. */
enum { SCRATCH = 4 << 20 };

struct open_boundary {
	str text;
	uint32_t part;
};

struct walk {
	struct arena *a, *scratch;
	str in;
	size_t at;      /* the start of a line, or the end */
	uint32_t lines; /* LFs before at */
	size_t segment; /* where the header, body, preamble or epilogue that is being read began */
	struct mime_part *parts;
	uint32_t count, room;
	uint32_t now;   /* the part that is being read */
	uint32_t depth; /* of now */
	struct open_boundary open[MIME_DEPTH_MAX];
	uint32_t open_count;
};

static void next_line(struct walk *w)
{
	const char *lf = memchr(w->in.p + w->at, '\n', w->in.n - w->at);
	w->lines += lf != NULL;
	w->at = lf != NULL ? (size_t)(lf - w->in.p) + 1 : w->in.n;
}

/* The size of the line end before the delimiter line at w->at, which belongs to that line (RFC 2046 5.1.1); none where
 * the segment begins with it: a delimiter line right before it keeps its own line end. */
static size_t line_end_before(const struct walk *w)
{
	if (w->at == w->segment)
		return 0;
	return w->at - w->segment > 1 && w->in.p[w->at - 2] == '\r' ? 2 : 1;
}

static struct mime_part *part_add(struct walk *w)
{
	if (w->count == w->room) {
		uint32_t room = w->room > 0 ? w->room * 2 : 8;
		struct mime_part *parts = NEW(w->a, struct mime_part, room);
		if (parts == NULL)
			return NULL;
		if (w->count > 0)
			memcpy(parts, w->parts, w->count * sizeof *parts);
		w->parts = parts;
		w->room = room;
	}
	struct mime_part *part = w->parts + w->count;
	part->parent = w->count > 0 ? w->now : MIME_NO_PART;
	part->header_at = (uint32_t)w->segment;
	part->header_lines = w->lines - (w->segment < w->at);
	w->depth += w->count > 0;
	w->now = w->count++;
	return part;
}

/* Between start and end of a part its line counts hold the number of lines before it. */
static void body_starts(struct walk *w, size_t at, uint32_t lines)
{
	struct mime_part *part = w->parts + w->now;
	part->body_at = (uint32_t)at;
	part->header_lines = lines - part->header_lines;
	part->body_lines = lines;
	w->segment = w->at;
}

static void part_ends(struct walk *w, size_t at, uint32_t lines)
{
	struct mime_part *part = w->parts + w->now;
	part->body_size = (uint32_t)(at - part->body_at);
	part->body_lines = lines - part->body_lines;
	part->end = w->count;
	w->now = part->parent;
	w->depth--;
}

/* dash-boundary at the start of a line; the index in the stack, or -1. */
static int delimiter_find(const struct walk *w)
{
	str rest = str_after(w->in, w->at);
	if (w->open_count == 0 || rest.n < 2 || rest.p[0] != '-' || rest.p[1] != '-')
		return -1;
	rest = str_after(rest, 2);
	int best = -1;
	for (int i = (int)w->open_count - 1; i >= 0; i--) {
		str text = w->open[i].text;
		if (text.n <= rest.n && (best < 0 || text.n > w->open[best].text.n) &&
			memcmp(text.p, rest.p, text.n) == 0)
			best = i;
	}
	return best;
}

/* The next line may be a delimiter; other lines are passed over. -1 at the end of the message. */
static int body_read(struct walk *w)
{
	while (w->at < w->in.n) {
		int found = delimiter_find(w);
		if (found >= 0)
			return found;
		next_line(w);
	}
	return -1;
}

/* To the end of the header. In a multipart also a delimiter ends it: the part has no body then, and neither it nor its
 * parents have the line end before the delimiter: "The CRLF preceding the boundary delimiter line is conceptually
 * attached to the boundary" (RFC 2046 5.1.1). */
static int header_read(struct walk *w)
{
	size_t size = 0;
	while (w->at < w->in.n && size == 0) {
		int found = delimiter_find(w);
		if (found >= 0) {
			size_t before = line_end_before(w);
			body_starts(w, w->at - before, w->lines - (before > 0));
			w->segment = w->at - before;
			return found;
		}
		size_t start = w->at;
		next_line(w);
		size = mime_empty_line(w->in, start);
	}
	body_starts(w, w->at, w->lines);
	return -1;
}

static uint16_t type_flags(const struct mime_content *content)
{
	if (str_eq_nocase(content->type, S("text")))
		return MIME_TEXT;
	if (str_eq_nocase(content->type, S("multipart")) && content->subtype.p != NULL)
		return str_eq_nocase(content->subtype, S("digest")) ? MIME_MULTIPART | MIME_DIGEST : MIME_MULTIPART;
	/* Not message/global (RFC 6532 3.7): IMAP4rev1 knows message/rfc822 alone as a body that has an envelope. */
	bool message = str_eq_nocase(content->type, S("message")) && str_eq_nocase(content->subtype, S("rfc822"));
	return message ? MIME_MESSAGE : 0;
}

/* Reads what the header says of the body. The boundary stands in the scratch arena. */
static void header_look(struct walk *w, struct mime_part *part, str *boundary)
{
	str header = str_slice(w->in, part->header_at, part->body_at);
	struct mime_field field;
	bool type = false, encoding = false;
	size_t at = 0;
	for (int i = 0; i < MIME_FIELDS_MAX && mime_field_next(header, &at, &field); i++) {
		if (str_eq_nocase(field.name, S("MIME-Version"))) {
			part->flags |= MIME_IS_MIME;
		} else if (!type && str_eq_nocase(field.name, S("Content-Type"))) {
			struct mime_content content = { .type = S("text") };
			IGNORE(mime_content_type(
				w->scratch, field.value, &content)); /* then it is text: RFC 2045 5.2 */
			part->flags |= MIME_IS_MIME | type_flags(&content);
			*boundary = mime_parameter(&content, S("boundary"));
			type = true;
		} else if (!encoding && str_eq_nocase(field.name, S("Content-Transfer-Encoding"))) {
			part->encoding = (uint16_t)mime_encoding(mime_encoding_name(w->scratch, field.value));
			encoding = true;
		}
	}
	if ((part->flags & MIME_IS_MIME) == 0)
		part->encoding = MIME_ENCODING_7BIT;
	if (!type) {
		/* RFC 2046 5.1.5: in a digest the default is message/rfc822. */
		bool digest = part->parent != MIME_NO_PART && (w->parts[part->parent].flags & MIME_DIGEST) != 0;
		part->flags |= digest ? MIME_MESSAGE : MIME_TEXT;
	}
}

/* Whether the part that was just begun is looked into; if not it is a leaf. */
static void part_classify(struct walk *w)
{
	struct mime_part *part = w->parts + w->now;
	str boundary = NO_STR;
	header_look(w, part, &boundary);
	bool full = w->count >= MIME_PARTS_MAX || w->depth + 1 >= MIME_DEPTH_MAX;
	if ((part->flags & MIME_MULTIPART) != 0 && boundary.p != NULL && !full && w->open_count < MIME_DEPTH_MAX) {
		boundary = arena_copy(w->a, str_slice(boundary, 0, MIME_BOUNDARY_MAX));
		w->open[w->open_count++] = (struct open_boundary){ boundary, w->now };
	}
	if ((part->flags & MIME_MESSAGE) != 0 && full)
		part->flags &= (uint16_t)~MIME_MESSAGE;
	arena_reset(w->scratch);
}

/* Ends all parts in the multipart of that boundary, and takes the delimiter line. True: a part begins behind it. */
static bool delimiter_take(struct walk *w, uint32_t index)
{
	struct open_boundary found = w->open[index];
	size_t before = line_end_before(w);
	while (w->now != found.part)
		part_ends(w, w->at - before, w->lines - (before > 0));
	str behind = str_after(w->in, w->at + 2 + found.text.n);
	bool closed = str_starts(behind, S("--"));
	w->open_count = closed ? index : index + 1;
	next_line(w);
	w->segment = w->at;
	return !closed;
}

/* A part's header and what its type makes of it. The index of the delimiter that ended it, or -1. */
static int part_read(struct walk *w)
{
	struct mime_part *part;
	int found = -1;
	do {
		part = part_add(w);
		if (part == NULL)
			return -1;
		if (part->parent != MIME_NO_PART && (w->parts[part->parent].flags & MIME_MULTIPART) != 0)
			part->flags |= MIME_IS_MIME;
		found = header_read(w);
		part_classify(w);
	} while ((part->flags & MIME_MESSAGE) != 0);
	return found >= 0 ? found : body_read(w);
}

static void walk(struct walk *w)
{
	int found = part_read(w);
	while (found >= 0 && !arena_spent(w->a)) {
		bool begins = delimiter_take(w, (uint32_t)found);
		if (begins && w->count >= MIME_PARTS_MAX) {
			/* The rest is the multipart's epilogue. */
			w->open_count = 0;
			begins = false;
		}
		found = begins ? part_read(w) : body_read(w);
	}
}

err mime_parts_parse(struct arena *a, str message, struct mime_parts *out)
{
	if (message.n >= UINT32_MAX)
		return FAIL(LIMIT);
	struct walk w = { .a = a, .scratch = arena_new("mime header", SCRATCH), .in = message };
	walk(&w);
	arena_free(&w.scratch);
	if (arena_spent(a))
		return FAIL(MEMORY);
	while (w.now != MIME_NO_PART)
		part_ends(&w, message.n, w.lines);
	*out = (struct mime_parts){ w.parts, w.count };
	return OK;
}

str mime_part_header(str message, const struct mime_part *part)
{
	return str_slice(message, part->header_at, part->body_at);
}

str mime_part_body(str message, const struct mime_part *part)
{
	return str_slice(message, part->body_at, (size_t)part->body_at + part->body_size);
}
