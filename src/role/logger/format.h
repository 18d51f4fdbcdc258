/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: one JSON object each, made from an entry that a process sent. */
#pragma once
#include "base/buf.h"
#include "base/hash.h"
#include "base/chars.h"
#include "base/json.h"
#include "base/log.h"

enum { LOG_LINE_MAX = 24 << 10 };

struct log_origin {
	str role;
	uint64_t pid;
	int64_t utc_ms;
	const struct hash_key *pseudonyms; /* NULL: addresses are written in full */
};

/* The line up to its fields, each field, its end. A line that does not fit is lost, as any buffer. */
struct json line_begin(struct buf *line, const struct log_origin *origin, enum log_event event);
void line_field(struct json *line, const struct log_origin *origin, str name, const struct log_field *field);
void line_end(struct json *line);

/* "2026-11-23T07:12:01.123Z" (RFC 3339 5.6); the first ten bytes are the day. */
void line_time(struct buf *to, int64_t utc_ms);
