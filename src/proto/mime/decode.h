/* SPDX-License-Identifier: Apache-2.0 */
/* Transfer encodings (RFC 2045 6), encoded words (RFC 2047, RFC 2231 5) and character sets, all to UTF-8 and in
 * pieces: a decoder keeps a few bytes, not the body. Damaged input is skipped or becomes U+FFFD; nothing here fails. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "proto/mime/content.h"

/* A position in an encoded body. Begin with a zeroed struct whose encoding is set. */
struct mime_decoder {
	enum mime_encoding encoding;
	uint32_t bits;
	uint8_t bits_count, state;
	char digit;
};

/* Takes bytes from the front of *in and appends what they mean to out, until in is empty or out has fewer than four
 * bytes of room left. Bytes of an encoding that is none (7bit, 8bit, binary, unknown) go through. last: no more input
 * follows this. */
void mime_decode(struct mime_decoder *d, str *in, bool last, struct buf *out);

struct mime_charset;
/* The character set of that name or alias, in any case; NULL if we do not know it. "" and absent mean US-ASCII, which
 * is read as UTF-8: a message that says nothing usually is. */
const struct mime_charset *mime_charset_find(str name);

/* The same for characters: UTF-8 without anything invalid comes out, whole characters only. kept holds the start of one
 * that the next piece completes. charset NULL is UTF-8. */
struct mime_converter {
	const struct mime_charset *charset;
	char kept[4];
	uint8_t kept_count;
};
void mime_convert(struct mime_converter *c, str *in, bool last, struct buf *out);
/* All of text at once, in the arena. NO_STR when that is spent. */
str mime_convert_all(struct arena *a, const struct mime_charset *charset, str text);

/* A header field's value, unfolded, with its encoded words decoded, as UTF-8. NO_STR when the arena is spent. */
str mime_decode_words(struct arena *a, str value);
