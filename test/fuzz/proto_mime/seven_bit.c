/* SPDX-License-Identifier: Apache-2.0 */
/* What was converted has as many parts as before; each leaf that was encoded decodes to its old bytes; a message without
 * 8-bit or binary bodies is not touched; encoded lines are short. */
#include "fuzz.h"
#include "proto/mime/decode.h"
#include "proto/mime/seven_bit.h"

#include <stdlib.h>

enum { IN_MAX = 1 << 13, OUT_MAX = 1 << 18, BUDGET = 8 << 20 };

static bool eight_bit(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return true;
	return false;
}

/* NUL, or a CR or LF on its own: what only a binary message has. */
static bool binary(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || (s.p[i] == '\n' && (i == 0 || s.p[i - 1] != '\r')) ||
			(s.p[i] == '\r' && (i + 1 == s.n || s.p[i + 1] != '\n')))
			return true;
	return false;
}

static void check_leaf(str old, str new, enum mime_encoding encoding)
{
	static char room[OUT_MAX];
	struct buf decoded = { .p = room, .room = OUT_MAX };
	struct mime_decoder d = { .encoding = encoding };
	while (new.n > 0)
		mime_decode(&d, &new, true, &decoded);
	if (!str_eq(buf_str(&decoded), old))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char room[OUT_MAX];
	if (n == 0 || n > IN_MAX)
		return 0;
	struct arena *a = arena_new("fuzz", BUDGET);
	struct buf out = { .p = room, .room = OUT_MAX };
	struct mime_parts before, after;
	struct mime_seven_bit s;
	str message = { (const char *)p, n };
	if (failed(mime_parts_parse(a, message, &before)) || failed(mime_seven_bit_plan(a, message, before, &s)))
		abort();
	while (mime_seven_bit_next(&s, &out))
		;
	if (out.lost || failed(mime_parts_parse(a, buf_str(&out), &after)))
		abort();
	if (!eight_bit(message) && !binary(message) && !str_eq(message, buf_str(&out)))
		abort();
	for (uint32_t i = 0; after.n == before.n && i < before.n; i++) {
		const struct mime_part *old = before.p + i, *new = after.p + i;
		if (old->end == i + 1 && new->encoding != old->encoding && old->encoding <= MIME_ENCODING_BINARY)
			check_leaf(mime_part_body(message, old), mime_part_body(buf_str(&out), new),
				(enum mime_encoding) new->encoding);
	}
	arena_free(&a);
	return 0;
}
