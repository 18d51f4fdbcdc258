/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that FETCH BODY[section] names (RFC 3501 6.4.5, RFC 9051 6.4.5.1). */
#pragma once
#include "base/arena.h"
#include "base/str.h"
#include "proto/mime/part.h"

/* Numbers in one section that can mean anything. */
enum { MIME_SECTION_DEPTH_MAX = MIME_DEPTH_MAX };

enum mime_section_what {
	MIME_SECTION_ALL,    /* "" or "1.2": all of it */
	MIME_SECTION_HEADER, /* "HEADER", also with a list of fields */
	MIME_SECTION_TEXT,
	MIME_SECTION_MIME, /* only with numbers */
};

struct mime_section {
	const uint32_t *numbers; /* each at least 1 */
	size_t count;
	enum mime_section_what what;
};

/* Where the section stands in the message. ERR_ABSENT: the message has no such part or part no such section; IMAP
 * answers NIL or an empty string. */
err mime_section_find(struct mime_parts parts, const struct mime_section *section, size_t *at, size_t *size);

/* HEADER.FIELDS and HEADER.FIELDS.NOT: the fields of header that are (not) named, as they stand there, and the empty
 * line if there is one. ERR_MEMORY: the arena is spent. */
err mime_section_fields(struct arena *a, str header, const str *names, size_t count, bool without, str *out);
