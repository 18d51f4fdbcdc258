/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters are read in one pass into pieces; the pieces of RFC 2231 are then sorted by name and number and joined in
 * a second one. So the cost is that of sorting at most MIME_PARAMETER_PIECES_MAX of them, however they are ordered. */
#include "proto/mime/content.h"

#include <stdlib.h>

#include "proto/mime/header.h"
#include "proto/mime/lex.h"

/* name*number*=value; plain when the name has no such form. */
struct piece {
	str whole, name, value;
	uint32_t number;
	bool plain, extended;
};

struct reader {
	struct arena *a;
	struct cur c;
	struct buf text;
	struct piece *pieces;
	size_t count;
	struct mime_parameter **last;
	size_t left; /* parameters that may still be added */
};

static str text_since(const struct buf *b, size_t from) { return str_from(b->p + from, b->n - from); }

/* "*0", "*0*" or "*" behind a name (RFC 2231 3, 4). */
static void piece_split(struct piece *p)
{
	size_t star = str_find(p->whole, '*');
	p->plain = true;
	p->name = p->whole;
	if (star == STR_NONE)
		return;
	struct cur c = cur_of(str_after(p->whole, star + 1));
	uint64_t number = 0;
	if (cur_peek(&c) >= 0 && is_char(CH_DIGIT, (char)cur_peek(&c))) {
		number = cur_number(&c, MIME_PARAMETER_PIECES_MAX);
		p->extended = cur_take(&c, '*');
	} else {
		p->extended = true;
	}
	if (!cur_ok(&c) || !cur_at_end(&c))
		return;
	p->number = (uint32_t)number;
	p->plain = false;
	p->name = str_slice(p->whole, 0, star);
}

/* parameter = attribute "=" value                        RFC 2045 5.1
 * "name==?utf-8?..." without quotes is read up to the next blank, since it is what some programs write. */
static bool parameter(struct reader *r, struct piece *out)
{
	size_t from = r->text.n;
	if (!lex_take(&r->c, ';') || !lex_cfws(&r->c, NULL))
		return false;
	if (!lex_token(&r->c, &r->text))
		return false;
	struct piece p = { .whole = text_since(&r->text, from) };
	if (!lex_take(&r->c, '='))
		return false;
	from = r->text.n;
	bool good = lex_cfws(&r->c, NULL);
	if (lex_peek(&r->c) == '"') {
		good = lex_quoted(&r->c, &r->text, NULL);
	} else if (lex_peek(&r->c) == '=') {
		size_t start = r->c.at;
		while (!cur_at_end(&r->c) && lex_peek(&r->c) != ';' && !lex_blank((char)lex_peek(&r->c)))
			r->c.at++;
		buf_add(&r->text, cur_since(&r->c, start));
	} else if (good) {
		good = lex_token(&r->c, &r->text);
	}
	p.value = text_since(&r->text, from);
	*out = p;
	return good;
}

static void pieces_read(struct reader *r)
{
	while (!cur_at_end(&r->c) && r->count < MIME_PARAMETER_PIECES_MAX) {
		struct piece p = { .value = NO_STR };
		if (!parameter(r, &p)) {
			/* What cannot be read is skipped up to the next semicolon. */
			while (!cur_at_end(&r->c) && lex_peek(&r->c) != ';')
				r->c.at++;
			continue;
		}
		piece_split(&p);
		r->pieces[r->count++] = p;
	}
}

static int piece_order(const void *left, const void *right)
{
	const struct piece *a = left, *b = right;
	if (a->plain != b->plain)
		return a->plain ? -1 : 1;
	if (a->plain) /* in the order of the text, and pieces' texts stand in that order */
		return a->whole.p < b->whole.p ? -1 : a->whole.p > b->whole.p;
	int order = str_compare_nocase(a->name, b->name);
	if (order == 0)
		order = a->number < b->number ? -1 : a->number > b->number;
	return order != 0 ? order : a->whole.p < b->whole.p ? -1 : a->whole.p > b->whole.p;
}

static struct mime_parameter *add(struct reader *r, str name, str value)
{
	struct mime_parameter *p = r->left > 0 ? NEW(r->a, struct mime_parameter, 1) : NULL;
	if (p == NULL)
		return NULL;
	r->left--;
	p->name = name;
	p->value = value;
	*r->last = p;
	r->last = &p->next;
	return p;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void percent_decode(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n; i++) {
		int high = s.p[i] == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
		if (low >= 0) {
			buf_byte(b, (char)(high << 4 | low));
			i += 2;
		} else {
			buf_byte(b, s.p[i]);
		}
	}
}

/* charset'language'text of the first piece (RFC 2231 4). */
static str take_charset(str *text)
{
	str charset, rest = *text, language;
	if (!str_cut(&rest, '\'', &charset) || !str_cut(&rest, '\'', &language))
		return NO_STR;
	*text = rest;
	return charset;
}

/* Joins count pieces of one name, numbered 0, 1, 2, ...; a piece that is not extended among those that are is
 * written as if it were. */
static void join(struct reader *r, const struct piece *p, size_t count, bool extended)
{
	size_t room = 2;
	for (size_t i = 0; i < count; i++)
		room += p[i].extended || !extended ? p[i].value.n : 3 * p[i].value.n;
	struct buf written = buf_in(r->a, room), value = buf_in(r->a, room), name = buf_in(r->a, p->name.n + 1);
	buf_add(&name, p->name);
	buf_byte(&name, '*');
	if (extended && !p[0].extended)
		buf_add(&written, S("''"));
	str charset = NO_STR;
	for (size_t i = 0; i < count; i++) {
		str text = p[i].value;
		for (size_t at = 0; at < text.n; at++) {
			if (extended && !p[i].extended && text.p[at] == '%')
				buf_add(&written, S("%25"));
			else
				buf_byte(&written, text.p[at]);
		}
		if (i == 0 && p[0].extended)
			charset = take_charset(&text);
		if (p[i].extended)
			percent_decode(&value, text);
		else
			buf_add(&value, text);
	}
	if (written.lost || value.lost || name.lost)
		return;
	struct mime_parameter *made = add(r, p[0].name, buf_str(&value));
	if (made != NULL && extended) {
		made->written_name = buf_str(&name);
		made->written = buf_str(&written);
		made->charset = charset;
	}
}

static void pieces_join(struct reader *r)
{
	size_t end;
	for (size_t i = 0; i < r->count; i = end) {
		const struct piece *p = r->pieces + i;
		bool complete = true, extended = false;
		for (end = i + 1; end < r->count && !p->plain && str_eq_nocase(r->pieces[end].name, p->name); end++)
			;
		for (size_t k = i; k < end && !p->plain; k++) {
			complete = complete && r->pieces[k].number == k - i;
			extended = extended || r->pieces[k].extended;
		}
		if (!p->plain && complete)
			join(r, p, end - i, extended);
		else
			for (size_t k = i; k < end; k++)
				add(r, r->pieces[k].whole, r->pieces[k].value);
	}
}

static void parameters(struct reader *r, struct mime_content *content)
{
	size_t most = 0;
	for (size_t i = r->c.at; i < r->c.in.n; i++)
		most += r->c.in.p[i] == ';';
	if (most == 0)
		return;
	r->pieces = NEW(r->a, struct piece, most < MIME_PARAMETER_PIECES_MAX ? most : MIME_PARAMETER_PIECES_MAX);
	if (r->pieces == NULL)
		return;
	r->last = &content->parameters;
	r->left = MIME_PARAMETERS_MAX;
	pieces_read(r);
	bool sorted = true;
	for (size_t i = 1; i < r->count && sorted; i++)
		sorted = piece_order(r->pieces + i - 1, r->pieces + i) < 0;
	if (!sorted)
		qsort(r->pieces, r->count, sizeof *r->pieces, piece_order);
	pieces_join(r);
}

static struct reader reader_of(struct arena *a, str value)
{
	str text = str_slice(value, 0, MIME_VALUE_MAX);
	return (struct reader){ .a = a, .c = cur_of(text), .text = buf_in(a, text.n) };
}

/* content = type "/" subtype *(";" parameter)            RFC 2045 5.1 */
err mime_content_type(struct arena *a, str value, struct mime_content *out)
{
	struct reader r = reader_of(a, value);
	struct mime_content content = { .parameters = NULL };
	bool good = lex_cfws(&r.c, NULL) && lex_token(&r.c, &r.text);
	content.type = buf_str(&r.text);
	good = good && content.type.n > 0 && lex_take(&r.c, '/') && lex_cfws(&r.c, NULL);
	good = good && lex_token(&r.c, &r.text);
	content.subtype = text_since(&r.text, content.type.n);
	if (!good || content.subtype.n == 0 || (!cur_at_end(&r.c) && lex_peek(&r.c) != ';'))
		return FAIL(SYNTAX);
	parameters(&r, &content);
	*out = content;
	return OK;
}

/* disposition = type *(";" parameter)                    RFC 2183 2 */
err mime_content_disposition(struct arena *a, str value, struct mime_content *out)
{
	struct reader r = reader_of(a, value);
	struct mime_content content = { .parameters = NULL };
	if (!lex_cfws(&r.c, NULL) || !lex_token(&r.c, &r.text) || r.text.n == 0)
		return FAIL(SYNTAX);
	content.type = buf_str(&r.text);
	parameters(&r, &content);
	*out = content;
	return OK;
}

str mime_parameter(const struct mime_content *content, str name)
{
	for (const struct mime_parameter *p = content->parameters; p != NULL; p = p->next)
		if (str_eq_nocase(p->name, name))
			return p->value;
	return NO_STR;
}

str mime_encoding_name(struct arena *a, str value)
{
	struct reader r = reader_of(a, value);
	if (!lex_cfws(&r.c, NULL) || !lex_token(&r.c, &r.text) || !cur_at_end(&r.c) || r.text.n == 0)
		return NO_STR;
	return buf_str(&r.text);
}

enum mime_encoding mime_encoding(str name)
{
	static const struct {
		str name;
		enum mime_encoding encoding;
	} known[] = {
		{ S(""), MIME_ENCODING_7BIT },
		{ S("7bit"), MIME_ENCODING_7BIT },
		{ S("8bit"), MIME_ENCODING_8BIT },
		{ S("binary"), MIME_ENCODING_BINARY },
		{ S("quoted-printable"), MIME_ENCODING_QUOTED_PRINTABLE },
		{ S("base64"), MIME_ENCODING_BASE64 },
	};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (str_eq_nocase(known[i].name, name))
			return known[i].encoding;
	return MIME_ENCODING_UNKNOWN;
}
