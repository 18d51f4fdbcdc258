/* SPDX-License-Identifier: Apache-2.0 */
/* A message with 8-bit bodies for a server that takes only 7 bits (RFC 6152 3): leaves that hold such bytes are
 * encoded, and what contains them is relabelled. Every other byte stays, so signed parts that are 7-bit, as RFC 1847
 * 2.1 wants them, keep their signature. Leaves of a binary message (RFC 3030) that hold what no line may hold are
 * encoded too. Headers are not touched: 8-bit bytes there are the affair of SMTPUTF8. */
#pragma once
#include "base/buf.h"
#include "proto/mime/part.h"

struct mime_edit;

/* A plan and a position in it. All of it lives as long as the message and the arena. */
struct mime_seven_bit {
	str message;
	const struct mime_edit *edits;
	size_t count, next; /* edits; the one that is next or being written */
	size_t at;          /* position in the message */
	size_t column;      /* of an encoded line */
};

/* Room that one step needs. */
enum { MIME_SEVEN_BIT_ROOM = 256 };

/* ERR_MEMORY: the arena is spent; it needs about 100 bytes for each part. */
err mime_seven_bit_plan(struct arena *a, str message, struct mime_parts parts, struct mime_seven_bit *out);

/* Appends the next stretch, as much as there is room for (at least MIME_SEVEN_BIT_ROOM). False: all has been written, and
 * nothing was appended. */
bool mime_seven_bit_next(struct mime_seven_bit *s, struct buf *out);
