/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mime/section.h"

#include "base/buf.h"
#include "proto/mime/header.h"

/* The child of that number, from 1. */
static err child_find(struct mime_parts parts, uint32_t parent, uint32_t number, uint32_t *out)
{
	uint32_t end = parts.p[parent].end;
	for (uint32_t i = parent + 1; i < end; i = parts.p[i].end)
		if (--number == 0) {
			*out = i;
			return OK;
		}
	return FAIL(ABSENT);
}

/* One step of "1.2.3". "Every message has at least one part number. Non-multipart messages, and non-multipart message
 * parts of messages, only have a part 1" (RFC 3501 6.4.5): that part is the message without its header, so it is found
 * in the same place; numbers in a message/rfc822 part count the parts of the message in it. Other leaves
 * have no parts: "1.1" of a text part is absent, though some servers answer with the part itself. */
static err step(struct mime_parts parts, uint32_t number, uint32_t *at, bool *in_message)
{
	uint32_t part = *at;
	if (!*in_message && (parts.p[part].flags & MIME_MESSAGE) != 0) {
		part++;
		*in_message = true;
	}
	if (number == 0)
		return FAIL(ABSENT);
	if ((parts.p[part].flags & MIME_MULTIPART) != 0) {
		TRY(child_find(parts, part, number, &part));
	} else if (number != 1 || !*in_message) {
		return FAIL(ABSENT);
	}
	*in_message = false;
	*at = part;
	return OK;
}

err mime_section_find(struct mime_parts parts, const struct mime_section *section, size_t *at, size_t *size)
{
	uint32_t i = 0;
	bool in_message = true; /* of part i the header counts too, and its body may be "1" */
	for (size_t k = 0; k < section->count; k++)
		TRY(step(parts, section->numbers[k], &i, &in_message));

	const struct mime_part *part = parts.p + i;
	if (section->what == MIME_SECTION_MIME) {
		if (section->count == 0)
			return FAIL(ABSENT);
		*at = part->header_at;
		*size = part->body_at - part->header_at;
		return OK;
	}
	if (section->what != MIME_SECTION_ALL && section->count > 0) {
		/* HEADER and TEXT are those of an enclosed message. */
		if ((part->flags & MIME_MESSAGE) == 0)
			return FAIL(ABSENT);
		part++;
	}
	bool header =
		section->what == MIME_SECTION_HEADER || (section->what == MIME_SECTION_ALL && section->count == 0);
	bool body = section->what != MIME_SECTION_HEADER;
	*at = header ? part->header_at : part->body_at;
	*size = (body ? (size_t)part->body_at + part->body_size : part->body_at) - *at;
	return OK;
}

static bool is_named(str name, const str *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(name, names[i]))
			return true;
	return false;
}

err mime_section_fields(struct arena *a, str header, const str *names, size_t count, bool without, str *out)
{
	struct buf b = buf_in(a, header.n);
	struct mime_field field;
	size_t at = 0;
	while (mime_field_next(header, &at, &field))
		if (is_named(field.name, names, count) != without)
			buf_add(&b, field.raw);
	/* "the blank line is included in all header fetches, except in the case of a message which has no body and no
	 * blank line" (RFC 3501 6.4.5). */
	buf_add(&b, str_after(header, at));
	return b.lost ? FAIL(MEMORY) : buf_done(&b, out);
}
