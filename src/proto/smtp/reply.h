/* SPDX-License-Identifier: Apache-2.0 */
/* Replies, written by us as a server and read by us as a client. RFC 5321 4.2, RFC 2034 4. */
#pragma once
#include "base/buf.h"

/* RFC 5321 4.5.3.1.5, with CRLF. */
enum { SMTP_REPLY_LINE_MAX = 512, SMTP_REPLY_LINES_MAX = 128 };

struct smtp_reply {
	int code;     /* 200..599 */
	str enhanced; /* "5.7.1", at most 11 octets; empty: none */
	str text;     /* lines separated by LF, none at the end */
};

/* Writes every line with code, enhanced code and CRLF; lines that would be longer than 512 octets are split at a blank
 * where there is one. Control characters, bad UTF-8 and, unless utf8 is set (RFC 6531 3.5), everything beyond ASCII
 * become '?': the text may quote a peer. */
void smtp_reply_write(struct buf *b, const struct smtp_reply *r, bool utf8);

/* Reads a reply line by line. The lines must have one code, and there are at most SMTP_REPLY_LINES_MAX; text beyond the
 * room is dropped, truncated tells of it. */
struct smtp_reply_reader {
	struct buf text;
	struct smtp_reply reply; /* valid once done; views of the room */
	char enhanced[12];
	unsigned lines;
	bool done, truncated;
};
/* room belongs to the caller and holds the text as long as the reply is used. */
void smtp_reply_start(struct smtp_reply_reader *r, char *room, size_t n);
/* line is without CRLF. reader->done is set by the last one.
 *   ERR_SYNTAX  not a reply, or the code changed in the middle: the peer does not speak SMTP, hang up
 *   ERR_LIMIT   too many lines */
err smtp_reply_line(struct smtp_reply_reader *r, str line);

/* "2.1.5" or "5.7.128" at the start of the text: its length, 0 if none stands there or its class is not that of the
 * code. RFC 2034 4. */
size_t smtp_enhanced_length(str text, int code);
