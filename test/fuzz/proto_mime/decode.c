/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding in pieces gives what decoding at once gives, and whatever comes out of a conversion is UTF-8. The first byte
 * selects encoding and character set, the second one how the rest is cut. */
#include <stdlib.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "proto/mime/decode.h"
#include "proto/mime/search.h"

static const char *const charsets[] = { "utf-8", "iso-8859-1", "windows-1253", "koi8-r", "" };

static str decode(struct arena *a, enum mime_encoding encoding, str in, size_t piece)
{
	struct mime_decoder d = { .encoding = encoding };
	struct buf b = buf_in(a, in.n + 8);
	while (in.n > 0) {
		str part = str_slice(in, 0, piece);
		in = str_after(in, part.n);
		mime_decode(&d, &part, in.n == 0, &b);
		if (part.n > 0)
			abort();
	}
	if (b.lost)
		abort();
	return buf_str(&b);
}

static str convert(struct arena *a, const struct mime_charset *charset, str in, size_t piece)
{
	struct mime_converter c = { .charset = charset };
	struct buf b = buf_in(a, 3 * in.n + 8);
	while (in.n > 0) {
		str part = str_slice(in, 0, piece);
		in = str_after(in, part.n);
		mime_convert(&c, &part, in.n == 0, &b);
		if (part.n > 0)
			abort();
	}
	if (b.lost || !str_is_utf8(buf_str(&b)))
		abort();
	return buf_str(&b);
}

/* Every text holds its own end. */
static void search(struct arena *a, str text)
{
	const struct mime_needle *needle;
	str end = str_after(text, text.n / 2);
	while (end.n > 0 && (*end.p & 0xc0) == 0x80)
		end = str_after(end, 1);
	struct mime_parts parts;
	struct buf message = buf_in(a, text.n + 2);
	buf_add(&message, S("\r\n"));
	buf_add(&message, text);
	if (failed(mime_parts_parse(a, buf_str(&message), &parts)))
		abort();
	if (!failed(mime_needle_make(a, end, &needle)) && !mime_search_body(needle, buf_str(&message), parts))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < 2 || n > 100000)
		return 0;
	struct arena *a = arena_new("fuzz", 1 << 24);
	str in = { (const char *)p + 2, n - 2 };
	enum mime_encoding encoding = p[0] % MIME_ENCODINGS;
	const char *name = charsets[p[0] / MIME_ENCODINGS % (sizeof charsets / sizeof *charsets)];
	const struct mime_charset *charset = mime_charset_find(str_of(name));
	size_t piece = p[1] % 16 + 1u;
	str bytes = decode(a, encoding, in, in.n);
	if (charset == NULL || !str_eq(bytes, decode(a, encoding, in, piece)))
		abort();
	str text = convert(a, charset, bytes, bytes.n);
	if (!str_eq(text, convert(a, charset, bytes, piece)) || !str_eq(text, mime_convert_all(a, charset, bytes)))
		abort();
	str words = mime_decode_words(a, in);
	if (words.p == NULL || !str_is_utf8(words))
		abort();
	search(a, text);
	arena_free(&a);
	return 0;
}
