/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a message (RFC 2045, RFC 2046): one pass over its bytes gives a flat array, parents before children,
 * which can be kept beside the message so that nobody parses it twice. */
#pragma once
#include "base/arena.h"
#include "base/str.h"
#include "proto/mime/content.h"

/* Deeper parts are not looked into: their parent is a leaf. */
enum { MIME_DEPTH_MAX = 100 };
/* Once there are as many, nothing more is looked into. */
enum { MIME_PARTS_MAX = 10000 };
/* Bytes of a boundary that are compared; RFC 2046 5.1.1 allows 70. */
enum { MIME_BOUNDARY_MAX = 200 };

enum mime_part_flag {
	MIME_TEXT = 1 << 0,      /* text/... */
	MIME_MULTIPART = 1 << 1, /* multipart/...: its children follow, if there are any */
	MIME_MESSAGE = 1 << 2,   /* message/rfc822 that is looked into: its one child follows */
	MIME_DIGEST = 1 << 3,    /* multipart/digest */
	MIME_IS_MIME = 1 << 4,   /* has Content-Type or MIME-Version, or stands in a multipart */
	MIME_PART_FLAGS = (1 << 5) - 1,
};

#define MIME_NO_PART UINT32_MAX

/* Offsets count from the start of the message. The header begins at header_at and ends, empty line included, where the
 * body begins. The line end before a boundary belongs to the boundary. */
struct mime_part {
	uint32_t parent; /* index; MIME_NO_PART for the message itself */
	uint32_t end;    /* the index behind its last descendant: children are index+1, then [it].end, ... */
	uint32_t header_at, body_at, body_size;
	uint32_t header_lines, body_lines; /* LFs */
	uint16_t flags;                    /* enum mime_part_flag */
	uint16_t encoding;                 /* enum mime_encoding */
};

struct mime_parts {
	const struct mime_part *p;
	uint32_t n; /* at least 1 */
};

/* ERR_LIMIT: the message has 4 GiB or more. ERR_MEMORY: the arena is spent; it needs 48 bytes for each part. */
err mime_parts_parse(struct arena *a, str message, struct mime_parts *out);

/* The header and the body of a part as views of the message; the part must be one of this message (as
 * mime_parts_unpack() makes sure of). */
str mime_part_header(str message, const struct mime_part *part);
str mime_part_body(str message, const struct mime_part *part);

/* A short form of the array for a database, at most MIME_PACKED_MAX bytes a part. ERR_MEMORY: the arena is spent. */
enum { MIME_PACKED_MAX = 48 };
err mime_parts_pack(struct arena *a, struct mime_parts parts, str *out);
/* Back. ERR_DAMAGED: not made by mime_parts_pack() for a message of that size; what comes back is safe to use with
 * any message of that size. ERR_MEMORY: the arena is spent. */
err mime_parts_unpack(struct arena *a, str packed, size_t message_size, struct mime_parts *out);
