/* SPDX-License-Identifier: Apache-2.0 */
/* Parts lie in their parents, one behind the other; the packed array comes back as it was; what the unpacker accepts it
 * would have packed in the same way; descriptions are balanced and their literals are as long as they say. */
#include <stdlib.h>

#include "base/cur.h"
#include "fuzz.h"
#include "proto/mime/imap_text.h"

static void tree_check(struct mime_parts parts, size_t size)
{
	for (uint32_t i = 0; i < parts.n; i++) {
		const struct mime_part *part = parts.p + i;
		uint64_t end = (uint64_t)part->body_at + part->body_size;
		if (part->header_at > part->body_at || end > size || part->end <= i || part->end > parts.n)
			abort();
		if ((i == 0) != (part->parent == MIME_NO_PART))
			abort();
		if (i == 0)
			continue;
		const struct mime_part *parent = parts.p + part->parent;
		if (part->parent >= i || part->end > parent->end || part->header_at < parent->body_at ||
			end > (uint64_t)parent->body_at + parent->body_size)
			abort();
	}
}

static void text_check(str text)
{
	struct cur c = cur_of(text);
	size_t depth = 0;
	while (!cur_at_end(&c)) {
		if (cur_take(&c, '(')) {
			depth++;
		} else if (cur_take(&c, ')')) {
			if (depth-- == 0)
				abort();
		} else if (cur_take(&c, '{')) {
			size_t size = cur_number(&c, text.n);
			cur_need_str(&c, S("}\r\n"));
			if (str_find(cur_bytes(&c, size), '\0') != STR_NONE)
				abort();
		} else if (cur_take(&c, '"')) {
			while (cur_ok(&c) && !cur_take(&c, '"')) {
				cur_take(&c, '\\');
				str byte = cur_bytes(&c, 1);
				if (!cur_ok(&c) || *byte.p == '\r' || *byte.p == '\n' || *byte.p == '\0' ||
					(*byte.p & 0x80) != 0)
					abort();
			}
		} else {
			cur_bytes(&c, 1);
		}
		if (!cur_ok(&c))
			abort();
	}
	if (depth != 0)
		abort();
}

static void describe(struct arena *a, str message, struct mime_parts parts)
{
	str text;
	if (failed(mime_envelope(a, mime_part_header(message, parts.p), &text)))
		abort();
	text_check(text);
	if (failed(mime_bodystructure(a, message, parts, &text)))
		abort();
	text_check(text);
	if (failed(mime_body(a, message, parts, &text)))
		abort();
	text_check(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new("fuzz", MIME_ARENA);
	str message = { (const char *)p, n }, packed, again;
	struct mime_parts parts, unpacked;
	if (failed(mime_parts_parse(a, message, &parts)) || failed(mime_parts_pack(a, parts, &packed)))
		abort();
	tree_check(parts, n);
	if (failed(mime_parts_unpack(a, packed, n, &unpacked)) || unpacked.n != parts.n ||
		memcmp(unpacked.p, parts.p, parts.n * sizeof *parts.p) != 0)
		abort();
	describe(a, message, parts);
	/* The input as a packed array of a message of 100 bytes. */
	if (!failed(mime_parts_unpack(a, message, 100, &unpacked))) {
		tree_check(unpacked, 100);
		if (failed(mime_parts_pack(a, unpacked, &again)) || !str_eq(again, message))
			abort();
		static const char blank[100] = { 0 };
		describe(a, str_from(blank, sizeof blank), unpacked);
	}
	arena_free(&a);
	return 0;
}
