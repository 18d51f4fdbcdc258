/* SPDX-License-Identifier: Apache-2.0 */
/* A line without a colon is no field but does not end the header either; only an empty line does. That is what mail
 * programs do with the "From " lines and broken folding that exist. */
#include "proto/mime/header.h"

#include "proto/mime/lex.h"

/* The position behind the line that begins at at. */
static size_t line_end(str text, size_t at)
{
	const char *lf = memchr(text.p + at, '\n', text.n - at);
	return lf != NULL ? (size_t)(lf - text.p) + 1 : text.n;
}

size_t mime_empty_line(str text, size_t at)
{
	if (text.p[at] == '\n')
		return 1;
	return text.n - at > 1 && text.p[at] == '\r' && text.p[at + 1] == '\n' ? 2 : 0;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

size_t mime_header_size(str text)
{
	size_t at = 0;
	while (at < text.n) {
		size_t empty = mime_empty_line(text, at);
		if (empty > 0)
			return at + empty;
		at = line_end(text, at);
	}
	return at;
}

static str without_line_end(str text)
{
	if (text.n > 0 && text.p[text.n - 1] == '\n')
		text.n--;
	if (text.n > 0 && text.p[text.n - 1] == '\r')
		text.n--;
	return text;
}

bool mime_field_next(str block, size_t *at, struct mime_field *out)
{
	size_t start = *at;
	if (start >= block.n || mime_empty_line(block, start) > 0)
		return false;
	size_t first = line_end(block, start), end = first;
	while (end < block.n && is_blank(block.p[end]))
		end = line_end(block, end);

	struct mime_field field = { .raw = str_slice(block, start, end), .start = start, .end = end };
	const char *colon = memchr(field.raw.p, ':', first - start);
	size_t name = colon != NULL ? (size_t)(colon - field.raw.p) : 0;
	field.value = without_line_end(colon != NULL ? str_after(field.raw, name + 1) : field.raw);
	while (name > 0 && is_blank(field.raw.p[name - 1]))
		name--;
	field.name = str_from(field.raw.p, name);
	*out = field;
	*at = end;
	return true;
}

static err find(str block, str name, bool last, struct mime_field *out)
{
	struct mime_field field;
	bool found = false;
	size_t at = 0;
	for (int count = 0; count < MIME_FIELDS_MAX && mime_field_next(block, &at, &field); count++) {
		if (!str_eq_nocase(field.name, name))
			continue;
		*out = field;
		found = true;
		if (!last)
			break;
	}
	return found ? OK : FAIL(ABSENT);
}

err mime_field_find(str block, str name, struct mime_field *out) { return find(block, name, false, out); }

err mime_field_find_last(str block, str name, struct mime_field *out) { return find(block, name, true, out); }

str mime_unfold(struct arena *a, str value)
{
	value = str_slice(value, 0, MIME_VALUE_MAX);
	while (value.n > 0 && lex_blank(*value.p))
		value = str_after(value, 1);
	if (str_find(value, '\n') == STR_NONE && str_find(value, '\r') == STR_NONE)
		return value;
	struct buf b = buf_in(a, value.n);
	for (size_t i = 0; i < value.n; i++) {
		char byte = value.p[i];
		if (byte == '\n' || (byte == '\r' && i + 1 < value.n && value.p[i + 1] == '\n'))
			continue;
		buf_byte(&b, byte == '\r' ? ' ' : byte);
	}
	return b.lost ? NO_STR : buf_str(&b);
}
