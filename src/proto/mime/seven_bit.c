/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mime/seven_bit.h"

#include "base/base64.h"
#include "proto/mime/header.h"

enum { WIDTH = 76, BASE64_BYTES = 57, SCRATCH = 4 << 20, LINE_MAX_BYTES = 998 };
enum edit_kind { REPLACE, QUOTED_PRINTABLE, BASE64 };

/* What becomes of the bytes from..to of the message; what lies between edits stays. In the order of the message. */
struct mime_edit {
	enum edit_kind kind;
	size_t from, to;
	str text; /* REPLACE */
};

struct planner {
	struct arena *a, *scratch;
	str message;
	struct mime_parts parts;
	bool *eight_bit; /* of each part: its body holds such bytes, or what is no text */
	struct mime_edit *edits;
	size_t count;
};

static size_t eight_bit_bytes(str s)
{
	size_t count = 0;
	for (size_t i = 0; i < s.n; i++)
		count += (unsigned char)s.p[i] >> 7;
	return count;
}

/* A NUL, or a CR or LF on its own: no line of a message may hold it (RFC 5321 2.3.8); in what is labelled binary lines of
 * any length are no lines either. */
static bool is_binary(str s, bool labelled)
{
	size_t line = 0;
	for (size_t i = 0; i < s.n; i++, line++) {
		const bool lf = i + 1 < s.n && s.p[i + 1] == '\n';
		if (s.p[i] == '\0' || (s.p[i] == '\r' && !lf) || (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r')))
			return true;
		if (s.p[i] == '\n')
			line = 0;
		if (labelled && line > LINE_MAX_BYTES)
			return true;
	}
	return false;
}

static bool must_be_encoded(const struct planner *p, const struct mime_part *part)
{
	str body = mime_part_body(p->message, part);
	return eight_bit_bytes(body) > 0 || is_binary(body, part->encoding == MIME_ENCODING_BINARY);
}

/* Children come behind their parents, so from the last part to the first. */
static void look(struct planner *p)
{
	for (uint32_t i = p->parts.n; i-- > 0;) {
		const struct mime_part *part = p->parts.p + i;
		if (part->end == i + 1)
			p->eight_bit[i] = must_be_encoded(p, part);
		if (p->eight_bit[i] && part->parent != MIME_NO_PART)
			p->eight_bit[part->parent] = true;
	}
}

/* "Only 7bit, 8bit or binary are permitted" for multiparts and messages (RFC 2045 6.4), which are leaves where nobody
 * could look into them. */
static bool may_be_encoded(struct planner *p, str header)
{
	struct mime_field field;
	struct mime_content content;
	if (failed(mime_field_find(header, S("Content-Type"), &field)))
		return true;
	arena_reset(p->scratch);
	if (failed(mime_content_type(p->scratch, field.value, &content)))
		return true;
	return !str_eq_nocase(content.type, S("multipart")) && !str_eq_nocase(content.type, S("message"));
}

static void add(struct planner *p, enum edit_kind kind, size_t from, size_t to, str text)
{
	p->edits[p->count++] = (struct mime_edit){ kind, from, to, text };
}

/* The first Content-Transfer-Encoding is the one that counts; where there is none the new one is the last field. */
static void relabel(struct planner *p, const struct mime_part *part, str label)
{
	struct mime_field field;
	str header = mime_part_header(p->message, part);
	size_t end = 0;
	if (!failed(mime_field_find(header, S("Content-Transfer-Encoding"), &field))) {
		add(p, REPLACE, part->header_at + field.start, part->header_at + field.end, label);
		return;
	}
	for (size_t at = 0; mime_field_next(header, &at, &field);)
		end = field.end;
	add(p, REPLACE, part->header_at + end, part->header_at + end, label);
}

static str label_for(const struct mime_part *part, enum edit_kind kind)
{
	const bool quoted = kind == QUOTED_PRINTABLE;
	if ((part->flags & MIME_IS_MIME) != 0)
		return quoted ? S("Content-Transfer-Encoding: quoted-printable\r\n")
			      : S("Content-Transfer-Encoding: base64\r\n");
	/* RFC 1428 3 */
	return quoted ? S("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
			  "Content-Transfer-Encoding: quoted-printable\r\n")
		      : S("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
			  "Content-Transfer-Encoding: base64\r\n");
}

static void plan_part(struct planner *p, uint32_t i)
{
	const struct mime_part *part = p->parts.p + i;
	const bool plain = part->encoding == MIME_ENCODING_7BIT || part->encoding == MIME_ENCODING_8BIT ||
			   part->encoding == MIME_ENCODING_BINARY;
	if (!p->eight_bit[i] || !plain)
		return;
	if (part->end > i + 1) {
		if (part->encoding != MIME_ENCODING_7BIT)
			relabel(p, part, S(""));
		return;
	}
	if (!may_be_encoded(p, mime_part_header(p->message, part)))
		return;
	str body = mime_part_body(p->message, part);
	/* Text that is mostly readable stays so. */
	const bool readable = (part->flags & MIME_TEXT) != 0 || (part->flags & MIME_IS_MIME) == 0;
	enum edit_kind kind = readable && eight_bit_bytes(body) < body.n / 4 ? QUOTED_PRINTABLE : BASE64;
	relabel(p, part, label_for(part, kind));
	add(p, kind, part->body_at, part->body_at + body.n, NO_STR);
}

err mime_seven_bit_plan(struct arena *a, str message, struct mime_parts parts, struct mime_seven_bit *out)
{
	struct planner p = { .a = a, .message = message, .parts = parts };
	p.eight_bit = NEW(a, bool, parts.n);
	p.edits = NEW(a, struct mime_edit, 2 * (size_t)parts.n);
	if (p.edits == NULL || p.eight_bit == NULL)
		return FAIL(MEMORY);
	p.scratch = arena_new("content type", SCRATCH);
	look(&p);
	for (uint32_t i = 0; i < parts.n; i++)
		plan_part(&p, i);
	arena_free(&p.scratch);
	*out = (struct mime_seven_bit){ .message = message, .edits = p.edits, .count = p.count };
	return OK;
}

/* ---- writing ---- */

static size_t room(const struct buf *b) { return b->room - b->n; }

static bool ends_line(str message, size_t at, size_t end)
{
	return at + 1 < end && message.p[at] == '\r' && message.p[at + 1] == '\n';
}

/* One character, or one line end. A hyphen behind a soft line break is encoded: with what follows it, it could be a boundary,
 * which stood in the middle of a line before. RFC 2045 6.7 */
static void quote(struct mime_seven_bit *s, size_t end, struct buf *out)
{
	static const char digits[] = "0123456789ABCDEF";
	const unsigned char c = (unsigned char)s->message.p[s->at];
	if (ends_line(s->message, s->at, end)) {
		buf_add(out, S("\r\n"));
		s->column = 0;
		s->at += 2;
		return;
	}
	const bool blank = c == ' ' || c == '\t';
	const bool last = s->at + 1 == end || ends_line(s->message, s->at + 1, end);
	bool literal = blank ? !last : c > ' ' && c < 0x7f && c != '=';
	if (s->column + (literal ? 1 : 3) > WIDTH - 1) {
		buf_add(out, S("=\r\n"));
		s->column = 0;
		literal = literal && c != '-';
	}
	if (literal) {
		buf_byte(out, (char)c);
	} else {
		buf_byte(out, '=');
		buf_byte(out, digits[c >> 4]);
		buf_byte(out, digits[c & 15]);
	}
	s->column += literal ? 1 : 3;
	s->at++;
}

/* One line. RFC 2045 6.8 */
static void encode(struct mime_seven_bit *s, size_t end, struct buf *out)
{
	str line = str_slice(s->message, s->at, end - s->at > BASE64_BYTES ? s->at + BASE64_BYTES : end);
	base64_encode(out, line);
	s->at += line.n;
	if (s->at < end)
		buf_add(out, S("\r\n"));
}

/* False: no more room. */
static bool write_edit(struct mime_seven_bit *s, const struct mime_edit *e, struct buf *out)
{
	if (e->kind == REPLACE) {
		if (room(out) < e->text.n)
			return false;
		buf_add(out, e->text);
		s->at = e->to;
	}
	while (s->at < e->to) {
		if (room(out) < 2 * WIDTH)
			return false;
		if (e->kind == BASE64)
			encode(s, e->to, out);
		else
			quote(s, e->to, out);
	}
	s->next++;
	s->column = 0;
	return true;
}

bool mime_seven_bit_next(struct mime_seven_bit *s, struct buf *out)
{
	const size_t before = out->n;
	while (room(out) > 0 && (s->at < s->message.n || s->next < s->count)) {
		const struct mime_edit *e = s->next < s->count ? s->edits + s->next : NULL;
		size_t until = e != NULL ? e->from : s->message.n;
		if (s->at < until) {
			str stretch = str_slice(s->message, s->at, until);
			stretch = str_slice(stretch, 0, room(out));
			buf_add(out, stretch);
			s->at += stretch.n;
		} else if (e == NULL || !write_edit(s, e, out)) {
			break;
		}
	}
	return out->n > before;
}
