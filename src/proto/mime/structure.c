/* SPDX-License-Identifier: Apache-2.0 */
/* BODYSTRUCTURE and BODY (RFC 9051 7.5.2). The recursion is as deep as the parts, at most MIME_DEPTH_MAX. One scratch
 * arena serves one header at a time, so memory does not grow with the number of parts. */
#include "proto/mime/header.h"
#include "proto/mime/imap_text.h"
#include "proto/mime/imap_write.h"
#include "proto/mime/lex.h"

struct writer {
	struct arena *scratch;
	struct buf *b;
	str message;
	struct mime_parts parts;
	bool extended;
};

/* What one part's header says; of repeated fields the first counts. */
struct fields {
	struct mime_content type, disposition;
	str encoding, id, description, md5, location, language;
};

static void unfold_once(struct arena *a, str *text, str value)
{
	if (text->p == NULL)
		*text = mime_unfold(a, value);
}

static void field_take(struct arena *a, struct fields *f, str name, str value)
{
	if (str_eq_nocase(name, S("Type")) && f->type.type.p == NULL) {
		f->type.type = S("text");
		f->type.subtype = S("plain");
		IGNORE(mime_content_type(a, value, &f->type)); /* RFC 2045 5.2: text/plain then */
	} else if (str_eq_nocase(name, S("Disposition")) && f->disposition.type.p == NULL) {
		IGNORE(mime_content_disposition(a, value, &f->disposition)); /* as if it were absent */
	} else if (str_eq_nocase(name, S("Transfer-Encoding")) && f->encoding.p == NULL) {
		f->encoding = mime_encoding_name(a, value);
	} else if (str_eq_nocase(name, S("ID"))) {
		unfold_once(a, &f->id, value);
	} else if (str_eq_nocase(name, S("Description"))) {
		unfold_once(a, &f->description, value);
	} else if (str_eq_nocase(name, S("MD5"))) {
		unfold_once(a, &f->md5, value);
	} else if (str_eq_nocase(name, S("Location"))) {
		unfold_once(a, &f->location, value);
	} else if (str_eq_nocase(name, S("Language"))) {
		unfold_once(a, &f->language, value);
	}
}

/* Invalidates the fields read before. A part that is not MIME has none (RFC 2045 4). */
static struct fields fields_read(struct writer *w, const struct mime_part *part)
{
	struct fields f = { .encoding = NO_STR };
	struct mime_field field;
	str header = mime_part_header(w->message, part), prefix = S("Content-");
	size_t at = 0;
	arena_reset(w->scratch);
	if ((part->flags & MIME_IS_MIME) == 0)
		return f;
	for (int i = 0; i < MIME_FIELDS_MAX && mime_field_next(header, &at, &field); i++)
		if (str_starts_nocase(field.name, prefix))
			field_take(w->scratch, &f, str_after(field.name, prefix.n), field.value);
	return f;
}

static void parameter_write(struct buf *b, str name, str value)
{
	if (b->p[b->n - 1] != '(')
		buf_byte(b, ' ');
	mime_imap_string(b, name);
	buf_byte(b, ' ');
	mime_imap_string(b, value);
}

/* Those of RFC 2231 go out as they came in, with asterisk, charset and percent signs: clients decode them. */
static void parameters_write(struct buf *b, const struct mime_parameter *list, bool charset)
{
	if (list == NULL && !charset) {
		buf_add(b, S("NIL"));
		return;
	}
	buf_byte(b, '(');
	for (const struct mime_parameter *p = list; p != NULL && !b->lost; p = p->next) {
		bool extended = p->written.p != NULL;
		parameter_write(b, extended ? p->written_name : p->name, extended ? p->written : p->value);
	}
	if (charset && !b->lost)
		parameter_write(b, S("charset"), S("us-ascii")); /* RFC 2046 4.1.2: the default */
	buf_byte(b, ')');
}

/* "(" *(string SP) ")" of language tags, or NIL. */
static void language_write(struct buf *b, str value)
{
	struct cur c = cur_of(value);
	size_t count = 0;
	bool good = lex_cfws(&c, NULL);
	while (good) {
		size_t from = c.at;
		while (!cur_at_end(&c) && is_char(CH_UATEXT, c.in.p[c.at]))
			c.at++;
		str tag = cur_since(&c, from);
		if (tag.n == 0)
			break;
		buf_byte(b, count++ == 0 ? '(' : ' ');
		mime_imap_string(b, tag);
		good = lex_cfws(&c, NULL) && lex_take(&c, ',') && lex_cfws(&c, NULL);
	}
	buf_add(b, count > 0 ? S(")") : S("NIL"));
}

/* body-fld-dsp SP body-fld-lang SP body-fld-loc, with a blank before them */
static void extension_write(struct buf *b, const struct fields *f)
{
	if (f->disposition.type.p != NULL) {
		buf_add(b, S(" ("));
		mime_imap_string(b, f->disposition.type);
		buf_byte(b, ' ');
		parameters_write(b, f->disposition.parameters, false);
		buf_add(b, S(") "));
	} else {
		buf_add(b, S(" NIL "));
	}
	language_write(b, f->language);
	buf_byte(b, ' ');
	mime_imap_string(b, f->location);
}

static void part_write(struct writer *w, uint32_t i);

/* body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart] */
static void multipart_write(struct writer *w, uint32_t i)
{
	const struct mime_part *part = w->parts.p + i;
	for (uint32_t child = i + 1; child < part->end; child = w->parts.p[child].end)
		part_write(w, child);
	/* The grammar wants one part at least: an empty one stands for none. */
	if (part->end == i + 1) {
		buf_add(w->b, S("(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0"));
		buf_add(w->b, w->extended ? S(" NIL NIL NIL NIL)") : S(")"));
	}
	struct fields f = fields_read(w, part);
	buf_byte(w->b, ' ');
	mime_imap_string(w->b, f.type.subtype.p != NULL ? f.type.subtype : S("mixed"));
	if (!w->extended)
		return;
	buf_byte(w->b, ' ');
	parameters_write(w->b, f.type.parameters, false);
	extension_write(w->b, &f);
}

/* The types of a leaf as the client shall see them. */
static void type_write(struct buf *b, const struct mime_part *part, const struct fields *f, bool *text)
{
	str type = f->type.type, subtype = f->type.subtype;
	if (type.p == NULL) {
		type = S("text");
		subtype = S("plain");
	}
	if ((part->flags & MIME_MESSAGE) != 0) {
		type = S("message");
		subtype = S("rfc822");
	} else if (str_eq_nocase(type, S("message")) && str_eq_nocase(subtype, S("rfc822"))) {
		/* One that is too deep to be looked into: message/rfc822 could not stand here without its envelope. */
		type = S("application");
		subtype = S("octet-stream");
	}
	*text = str_eq_nocase(type, S("text"));
	mime_imap_string(b, type);
	buf_byte(b, ' ');
	mime_imap_string(b, subtype);
}

/* media-... SP body-fields; true for text, which has lines behind them. */
static bool basic_write(struct writer *w, const struct mime_part *part, const struct fields *f)
{
	bool text;
	type_write(w->b, part, f, &text);
	buf_byte(w->b, ' ');
	parameters_write(w->b, f->type.parameters, text && mime_parameter(&f->type, S("charset")).p == NULL);
	buf_byte(w->b, ' ');
	mime_imap_string(w->b, f->id);
	buf_byte(w->b, ' ');
	mime_imap_string(w->b, f->description);
	buf_byte(w->b, ' ');
	mime_imap_string(w->b, f->encoding.p != NULL ? f->encoding : S("7bit"));
	buf_byte(w->b, ' ');
	buf_number(w->b, part->body_size);
	return text;
}

/* body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part] */
static void leaf_write(struct writer *w, uint32_t i)
{
	const struct mime_part *part = w->parts.p + i;
	struct fields f = fields_read(w, part);
	bool lines = basic_write(w, part, &f);
	if ((part->flags & MIME_MESSAGE) != 0) {
		buf_byte(w->b, ' ');
		arena_reset(w->scratch);
		imap_write_envelope(w->scratch, w->b, mime_part_header(w->message, part + 1));
		buf_byte(w->b, ' ');
		part_write(w, i + 1);
		f = fields_read(w, part);
		lines = true;
	}
	if (lines) {
		buf_byte(w->b, ' ');
		buf_number(w->b, part->body_lines);
	}
	if (!w->extended)
		return;
	buf_byte(w->b, ' ');
	mime_imap_string(w->b, f.md5);
	extension_write(w->b, &f);
}

static void part_write(struct writer *w, uint32_t i)
{
	if (w->b->lost)
		return;
	buf_byte(w->b, '(');
	if ((w->parts.p[i].flags & MIME_MULTIPART) != 0)
		multipart_write(w, i);
	else
		leaf_write(w, i);
	buf_byte(w->b, ')');
}

static void structure_write(struct arena *scratch, struct buf *b, const void *of)
{
	struct writer w = *(const struct writer *)of;
	w.scratch = scratch;
	w.b = b;
	part_write(&w, 0);
}

/* A message whose structure is too large to be sent is shown as one piece: it can still be fetched and read. */
static err structure(struct arena *a, struct writer w, str *out)
{
	size_t headers = 0;
	for (uint32_t i = 0; i < w.parts.n; i++)
		headers += w.parts.p[i].body_at - w.parts.p[i].header_at;
	err e = imap_text_make(a, 1000 + 200 * (size_t)w.parts.n + headers / 2, structure_write, &w, out);
	if (e.code != ERR_LIMIT)
		return e;
	struct mime_part one = w.parts.p[0];
	one.end = 1;
	one.flags = MIME_TEXT;
	w.parts = (struct mime_parts){ &one, 1 };
	return imap_text_make(a, 1000, structure_write, &w, out);
}

err mime_bodystructure(struct arena *a, str message, struct mime_parts parts, str *out)
{
	return structure(a, (struct writer){ .message = message, .parts = parts, .extended = true }, out);
}

err mime_body(struct arena *a, str message, struct mime_parts parts, str *out)
{
	return structure(a, (struct writer){ .message = message, .parts = parts }, out);
}
