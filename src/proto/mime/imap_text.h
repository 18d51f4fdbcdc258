/* SPDX-License-Identifier: Apache-2.0 */
/* What an IMAP server says of a message, made once when the message arrives (RFC 9051 7.5.2, RFC 3501 7.4.2). The
 * results stand in the arena and are sent as they are. They never fail for what a message holds: ERR_MEMORY says that
 * the arena is spent, which MIME_ARENA bytes prevent. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "proto/mime/part.h"

/* A budget with which every message can be parsed and described. */
enum { MIME_ARENA = 32 << 20 };

/* "string" or {n}literal; NIL for an absent one. 8-bit text and line ends go into literals; NULs become U+FFFD. */
void mime_imap_string(struct buf *b, str s);

/* The parenthesised lists ENVELOPE, BODYSTRUCTURE and BODY, without the name of the item. */
err mime_envelope(struct arena *a, str header, str *out);
err mime_bodystructure(struct arena *a, str message, struct mime_parts parts, str *out);
err mime_body(struct arena *a, str message, struct mime_parts parts, str *out);
