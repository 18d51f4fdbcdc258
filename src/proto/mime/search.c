/* SPDX-License-Identifier: Apache-2.0 */
/* The needle is a row of folded characters; texts pass by it one character at a time (Knuth, Morris and Pratt), so that
 * no text and no needle make it slow, and a body needs no more memory than two small buffers. */
#include "proto/mime/search.h"

#include "base/utf8.h"
#include "proto/mime/charset.h"
#include "proto/mime/decode.h"
#include "proto/mime/header.h"

enum { PIECE = 2048 };
/* What reading one part's header may cost. */
enum { SCRATCH = 4 << 20 };

struct mime_needle {
	size_t count;
	const uint32_t *characters;
	const uint32_t *back; /* [i]: how many characters still match when the one behind the first i does not */
};

struct match {
	const struct mime_needle *needle;
	size_t matched;
	bool found;
};

uint32_t mime_fold(uint32_t c)
{
	if (c < FOLD_FIRST_END)
		return fold_first[c];
	return c >= FOLD_SECOND && c < FOLD_SECOND_END ? fold_second[c - FOLD_SECOND] : c;
}

err mime_needle_make(struct arena *a, str text, const struct mime_needle **out)
{
	if (text.n > MIME_NEEDLE_MAX)
		return FAIL(LIMIT);
	str clean = mime_convert_all(a, NULL, text);
	struct mime_needle *needle = NEW(a, struct mime_needle, 1);
	uint32_t *characters = NEW(a, uint32_t, clean.n + 1), *back = NEW(a, uint32_t, clean.n + 1);
	if (needle == NULL || characters == NULL || back == NULL)
		return FAIL(MEMORY);
	size_t count = 0;
	while (utf8_take(&clean, characters + count)) {
		characters[count] = mime_fold(characters[count]);
		count++;
	}
	for (size_t i = 1, matched = 0; i < count; i++) {
		while (matched > 0 && characters[i] != characters[matched])
			matched = back[matched];
		matched += characters[i] == characters[matched];
		back[i + 1] = (uint32_t)matched;
	}
	*needle = (struct mime_needle){ count, characters, back };
	*out = needle;
	return OK;
}

static struct match match_of(const struct mime_needle *needle)
{
	return (struct match){ .needle = needle, .found = needle->count == 0 };
}

/* text is valid UTF-8. */
static void match_text(struct match *m, str text)
{
	const uint32_t *characters = m->needle->characters;
	uint32_t c;
	while (!m->found && text.n > 0) {
		if ((*text.p & 0x80) == 0) {
			c = fold_first[(unsigned char)*text.p];
			text.p++;
			text.n--;
		} else if (utf8_take(&text, &c)) {
			c = mime_fold(c);
		} else {
			return;
		}
		while (m->matched > 0 && c != characters[m->matched])
			m->matched = m->needle->back[m->matched];
		m->matched += c == characters[m->matched];
		m->found = m->matched == m->needle->count;
	}
}

bool mime_search_value(struct arena *scratch, const struct mime_needle *needle, str value)
{
	struct match m = match_of(needle);
	match_text(&m, mime_decode_words(scratch, value));
	return m.found;
}

bool mime_search_field(const struct mime_needle *needle, str header, str name)
{
	struct arena *scratch = arena_new("mime search", SCRATCH);
	struct mime_field field;
	bool found = false;
	size_t at = 0;
	for (int i = 0; i < MIME_FIELDS_MAX && !found && mime_field_next(header, &at, &field); i++)
		if (name.p == NULL || str_eq_nocase(field.name, name)) {
			arena_reset(scratch);
			found = mime_search_value(scratch, needle, name.p == NULL ? field.raw : field.value);
		}
	arena_free(&scratch);
	return found;
}

/* Which leaves are text: text/... and message/..., the latter mostly delivery reports. */
static bool is_text(const struct mime_content *type)
{
	return str_eq_nocase(type->type, S("text")) || str_eq_nocase(type->type, S("message"));
}

static void part_type(struct arena *scratch, str header, struct mime_content *type)
{
	struct mime_field field;
	*type = (struct mime_content){ .type = S("text") };
	if (!failed(mime_field_find(header, S("Content-Type"), &field)))
		IGNORE(mime_content_type(scratch, field.value, type)); /* then it is text: RFC 2045 5.2 */
}

static bool leaf_search(
	struct arena *scratch, const struct mime_needle *needle, str message, const struct mime_part *part)
{
	struct mime_content type;
	char decoded[PIECE], text[PIECE];
	part_type(scratch, mime_part_header(message, part), &type);
	if (!is_text(&type))
		return false;
	struct match m = match_of(needle);
	struct mime_decoder decoder = { .encoding = (enum mime_encoding)part->encoding };
	struct mime_converter converter = { .charset = mime_charset_find(mime_parameter(&type, S("charset"))) };
	str body = mime_part_body(message, part);
	bool more = true;
	while (!m.found && more) {
		struct buf bytes = BUF_ON(decoded);
		mime_decode(&decoder, &body, true, &bytes);
		more = body.n > 0;
		for (str in = buf_str(&bytes); !m.found;) {
			struct buf characters = BUF_ON(text);
			mime_convert(&converter, &in, !more, &characters);
			match_text(&m, buf_str(&characters));
			if (in.n == 0 && characters.room - characters.n >= sizeof converter.kept)
				break;
		}
	}
	return m.found;
}

static bool part_search(
	struct arena *scratch, const struct mime_needle *needle, str message, const struct mime_part *part)
{
	if (part->parent != MIME_NO_PART && mime_search_field(needle, mime_part_header(message, part), NO_STR))
		return true;
	arena_reset(scratch);
	bool leaf = (part->flags & (MIME_MULTIPART | MIME_MESSAGE)) == 0;
	return leaf && leaf_search(scratch, needle, message, part);
}

bool mime_search_body(const struct mime_needle *needle, str message, struct mime_parts parts)
{
	struct arena *scratch = arena_new("mime search", SCRATCH);
	bool found = needle->count == 0;
	for (uint32_t i = 0; i < parts.n && !found; i++)
		found = part_search(scratch, needle, message, parts.p + i);
	arena_free(&scratch);
	return found;
}

bool mime_search_text(const struct mime_needle *needle, str message, struct mime_parts parts)
{
	return mime_search_field(needle, mime_part_header(message, parts.p), NO_STR) ||
	       mime_search_body(needle, message, parts);
}
