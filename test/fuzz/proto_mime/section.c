/* SPDX-License-Identifier: Apache-2.0 */
/* Any section of any message stands in the message, HEADER and TEXT together are the whole, and HEADER.FIELDS and its
 * opposite share the fields among them. The first eight bytes are the section. */
#include <stdlib.h>

#include "fuzz.h"
#include "proto/mime/section.h"

enum { NUMBERS = 7 };

static void fields_check(struct arena *a, str header)
{
	const str names[] = { S("Subject"), S("A"), S("") };
	str with, without;
	if (failed(mime_section_fields(a, header, names, 3, false, &with)) ||
		failed(mime_section_fields(a, header, names, 3, true, &without)))
		abort();
	size_t empty = str_ends(with, S("\r\n")) && str_ends(without, S("\r\n")) ? 2 : 1;
	/* Both hold the empty line, if there is one. */
	if (with.n + without.n != header.n && with.n + without.n != header.n + empty &&
		with.n + without.n != header.n + 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n < NUMBERS + 1)
		return 0;
	struct arena *a = arena_new("fuzz", 1 << 26);
	str message = { (const char *)p + NUMBERS + 1, n - NUMBERS - 1 };
	uint32_t numbers[NUMBERS];
	struct mime_section section = { .numbers = numbers, .what = p[0] % 4 };
	struct mime_parts parts;
	size_t at = 0, size = 0;
	while (section.count < NUMBERS && p[1 + section.count] != 0) {
		numbers[section.count] = p[1 + section.count];
		section.count++;
	}
	if (failed(mime_parts_parse(a, message, &parts)))
		abort();
	if (!failed(mime_section_find(parts, &section, &at, &size)) && (at > message.n || size > message.n - at))
		abort();
	struct mime_section top = { .what = MIME_SECTION_HEADER };
	if (failed(mime_section_find(parts, &top, &at, &size)) || at != 0)
		abort();
	fields_check(a, str_slice(message, 0, size));
	size_t header = size;
	top.what = MIME_SECTION_TEXT;
	if (failed(mime_section_find(parts, &top, &at, &size)) || at != header || at + size != message.n)
		abort();
	arena_free(&a);
	return 0;
}
