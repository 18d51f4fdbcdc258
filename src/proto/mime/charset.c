/* SPDX-License-Identifier: Apache-2.0 */
/* Character sets of one byte a character by tables that tools/gen_charsets.py makes; UTF-8 is checked and goes through.
 * Others (East Asian ones) need tables of megabytes and are not read here. */
#include "proto/mime/charset.h"

#include "base/chars.h"
#include "base/utf8.h"
#include "proto/mime/decode.h"

enum { LARGEST_CHARACTER = 4, LONGEST_NAME = 40 };

/* The letters and digits of a name in lower case: "ISO_8859-1:1987" is "iso885911987". */
static str name_reduce(str name, char *room)
{
	size_t n = 0;
	for (size_t i = 0; i < name.n && n < LONGEST_NAME; i++)
		if (is_char(CH_ALNUM, name.p[i]))
			room[n++] = ascii_lower(name.p[i]);
	return str_from(room, n);
}

const struct mime_charset *mime_charset_find(str name)
{
	char room[LONGEST_NAME];
	str reduced = name_reduce(name, room);
	size_t low = 0, high = charset_names_count;
	if (reduced.n == 0)
		return &charset_utf8;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = str_compare(reduced, charset_names[middle].name);
		if (order == 0)
			return charset_names[middle].charset;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void table_convert(const uint16_t *upper, str *in, struct buf *out)
{
	size_t at = 0;
	for (; at < in->n && out->room - out->n >= LARGEST_CHARACTER; at++) {
		unsigned char byte = (unsigned char)in->p[at];
		if (byte < 0x80)
			buf_byte(out, (char)byte);
		else
			buf_utf8(out, upper[byte - 0x80]);
	}
	*in = str_after(*in, at);
}

/* How many bytes a character that begins like this has; 1 if none begins like this. */
static size_t length_of(unsigned char first)
{
	return first < 0xc2 || first > 0xf4 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* One character from the front of text, which becomes U+FFFD if it is none. False: its rest is still to come. */
static bool utf8_step(str *text, bool last, struct buf *out)
{
	str before = *text;
	uint32_t character;
	if (utf8_take(text, &character)) {
		buf_add(out, str_slice(before, 0, before.n - text->n));
		return true;
	}
	size_t n = 1, length = length_of((unsigned char)*before.p);
	while (n < before.n && n < length && (before.p[n] & 0xc0) == 0x80)
		n++;
	if (n == before.n && n < length && !last)
		return false;
	*text = str_after(before, 1);
	buf_utf8(out, 0xfffd);
	return true;
}

/* Bytes that were kept from the piece before, completed one by one. */
static void kept_convert(struct mime_converter *c, str *in, bool last, struct buf *out)
{
	while (c->kept_count > 0 && out->room - out->n >= LARGEST_CHARACTER) {
		str text = str_from(c->kept, c->kept_count);
		if (utf8_step(&text, last && in->n == 0, out)) {
			memmove(c->kept, text.p, text.n);
			c->kept_count = (uint8_t)text.n;
		} else if (in->n > 0) {
			c->kept[c->kept_count++] = *in->p;
			*in = str_after(*in, 1);
		} else {
			return;
		}
	}
}

static void utf8_convert(struct mime_converter *c, str *in, bool last, struct buf *out)
{
	kept_convert(c, in, last, out);
	while (in->n > 0 && c->kept_count == 0 && out->room - out->n >= LARGEST_CHARACTER) {
		size_t ascii = 0, room = out->room - out->n;
		while (ascii < in->n && ascii < room && (in->p[ascii] & 0x80) == 0)
			ascii++;
		buf_add(out, str_slice(*in, 0, ascii));
		*in = str_after(*in, ascii);
		if (in->n == 0 || out->room - out->n < LARGEST_CHARACTER)
			return;
		if ((*in->p & 0x80) != 0 && !utf8_step(in, last, out)) {
			memcpy(c->kept, in->p, in->n);
			c->kept_count = (uint8_t)in->n;
			*in = str_after(*in, in->n);
		}
	}
}

void mime_convert(struct mime_converter *c, str *in, bool last, struct buf *out)
{
	if (c->charset != NULL && c->charset->upper != NULL)
		table_convert(c->charset->upper, in, out);
	else
		utf8_convert(c, in, last, out);
}

str mime_convert_all(struct arena *a, const struct mime_charset *charset, str text)
{
	struct mime_converter c = { .charset = charset };
	struct buf b = buf_in(a, 3 * text.n + LARGEST_CHARACTER);
	if (b.lost)
		return NO_STR;
	mime_convert(&c, &text, true, &b);
	return buf_str(&b);
}
