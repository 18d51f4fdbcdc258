/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

enum { SURROGATE_FIRST = 0xd800, SURROGATE_LAST = 0xdfff, HIGHEST = 0x10ffff };

static bool is_character(uint32_t c) { return c <= HIGHEST && (c < SURROGATE_FIRST || c > SURROGATE_LAST); }

/* How many bytes follow this first one, and the lowest character that needs them all. */
static bool first_byte(unsigned char byte, size_t *more, uint32_t *bits, uint32_t *lowest)
{
	if (byte < 0x80)
		*more = 0, *bits = byte, *lowest = 0;
	else if (byte >= 0xc0 && byte < 0xe0)
		*more = 1, *bits = byte & 0x1f, *lowest = 0x80;
	else if (byte >= 0xe0 && byte < 0xf0)
		*more = 2, *bits = byte & 0x0f, *lowest = 0x800;
	else if (byte >= 0xf0 && byte < 0xf8)
		*more = 3, *bits = byte & 0x07, *lowest = 0x10000;
	else
		return false;
	return true;
}

bool utf8_take(str *rest, uint32_t *out)
{
	size_t more;
	uint32_t character, lowest;
	if (rest->n == 0 || !first_byte((unsigned char)rest->p[0], &more, &character, &lowest) || rest->n <= more)
		return false;
	for (size_t i = 1; i <= more; i++) {
		unsigned char byte = (unsigned char)rest->p[i];
		if ((byte & 0xc0) != 0x80)
			return false;
		character = character << 6 | (byte & 0x3f);
	}
	if (character < lowest || !is_character(character))
		return false;
	*rest = str_after(*rest, more + 1);
	*out = character;
	return true;
}

bool str_is_utf8(str s)
{
	uint32_t ignored;
	while (utf8_take(&s, &ignored))
		continue;
	return s.n == 0;
}

str str_begin_utf8(str s, size_t most)
{
	enum { MORE_MAX = 3 }; /* bytes behind the first of a character */
	if (s.n <= most)
		return s;
	for (size_t back = 0; back <= MORE_MAX && back < most; back++)
		if (((unsigned char)s.p[most - back] & 0xc0) != 0x80)
			return str_slice(s, 0, most - back);
	return str_slice(s, 0, most);
}

void buf_utf8(struct buf *b, uint32_t c)
{
	char bytes[4];
	size_t n = 0;
	if (!is_character(c)) {
		b->lost = true;
		return;
	}
	if (c < 0x80) {
		bytes[n++] = (char)c;
	} else if (c < 0x800) {
		bytes[n++] = (char)(0xc0 | c >> 6);
	} else if (c < 0x10000) {
		bytes[n++] = (char)(0xe0 | c >> 12);
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	} else {
		bytes[n++] = (char)(0xf0 | c >> 18);
		bytes[n++] = (char)(0x80 | (c >> 12 & 0x3f));
		bytes[n++] = (char)(0x80 | (c >> 6 & 0x3f));
	}
	if (c >= 0x80)
		bytes[n++] = (char)(0x80 | (c & 0x3f));
	buf_add(b, (str){ bytes, n });
}
