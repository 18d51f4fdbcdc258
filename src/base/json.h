/* SPDX-License-Identifier: Apache-2.0 */
/* Writes one JSON object (RFC 8259) into a buffer. Strings may hold any bytes: control characters are escaped and what is
 * not UTF-8 becomes U+FFFD, so that a line stays one line, whoever chose the text. Names are literals of ours. What did not
 * fit shows in the buffer, as ever. */
#pragma once
#include "base/buf.h"

struct json {
	struct buf *to;
	bool has_member;
};

struct json json_begin(struct buf *to);
void json_end(struct json *j);

/* An absent text is written as null. */
void json_text(struct json *j, const char *name, str value);
void json_number(struct json *j, const char *name, uint64_t value);
void json_flag(struct json *j, const char *name, bool value);
/* An array of texts: begin, any number of items, end. */
void json_list_begin(struct json *j, const char *name);
void json_list_item(struct json *j, str value);
void json_list_end(struct json *j);

/* One string with its quotes. */
void json_string(struct buf *to, str value);
