/* SPDX-License-Identifier: Apache-2.0 */
/* A log line: one JSON object, no longer than LINE_MAX_BYTES, from an entry that a process sent. */
#pragma once
#include "base/buf.h"
#include "base/log.h"

enum { LOG_LINE_MAX = 24 << 10 };

struct log_origin {
	str role;
	uint64_t pid;
	int64_t utc_ms;
	const uint8_t *pseudonym_key; /* 16 bytes; NULL: addresses are written in full */
};

/* The line up to and without its end, so that fields can follow. */
void line_begin(struct buf *line, const struct log_origin *origin, enum log_event event);
void line_field(struct buf *line, const struct log_origin *origin, const struct log_field *field);
/* Closes the object and ends the line. A line that did not fit is cut to its beginning, which is valid JSON. */
void line_end(struct buf *line);

/* "2026-11-23T07:12:01.123Z", RFC 3339 5.6. */
void line_time(struct buf *line, int64_t utc_ms);
