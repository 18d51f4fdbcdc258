/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a message: BODY[1.2.HEADER.FIELDS (To Cc)]<0.512> and their old names RFC822, RFC822.HEADER and RFC822.TEXT
 * (RFC 3501 6.4.5). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

enum {
	IMAP_PARTS_MAX = 64,           /* numbers in one part specifier: 1.2.3 has three */
	IMAP_SECTION_FIELDS_MAX = 256, /* field names in one section */
};

enum imap_section_form { /* how it was asked for, and how it is answered */
	IMAP_FORM_BODY,
	IMAP_FORM_RFC822,
	IMAP_FORM_RFC822_HEADER,
	IMAP_FORM_RFC822_TEXT,
};

enum imap_section_text {
	IMAP_SECTION_ALL,        /* the whole message, or the body of the part */
	IMAP_SECTION_HEADER,     /* of the message, or of the message/rfc822 part */
	IMAP_SECTION_FIELDS,     /* only these fields of that header */
	IMAP_SECTION_FIELDS_NOT, /* all but these */
	IMAP_SECTION_TEXT,       /* the message without that header */
	IMAP_SECTION_MIME,       /* the MIME header of the part */
};

struct imap_section {
	enum imap_section_form form;
	enum imap_section_text text; /* the old names have theirs set too: RFC822.HEADER is HEADER */
	bool is_peek;                /* it does not set \Seen; RFC822.HEADER never does */
	bool is_partial;
	uint64_t offset, length; /* of a partial one: from this byte on at most so many, length at least 1 */
	const uint32_t *parts;   /* in the arena */
	size_t part_count;       /* 0: the message itself */
	const str *fields;       /* FIELDS, FIELDS_NOT: names as written */
	size_t field_count;
};

/* section and [partial], from the "[" on, behind BODY or BODY.PEEK. Sets neither form nor is_peek. */
struct imap_section imap_section(struct cur *c, struct arena *a);

/* The name under which a FETCH response gives it: "BODY[1.TEXT]<0>", "RFC822.HEADER". Of a partial one the response
 * names the offset only. */
void imap_write_section(struct buf *b, const struct imap_section *section);
