/* SPDX-License-Identifier: Apache-2.0 */
/* The words of structured header fields (RFC 5322 3.2, RFC 2045 5.1), read leniently: the cursor never fails, each
 * function says whether its construct was complete. 8-bit bytes count as letters (RFC 6532 3.2). Private to this
 * folder. */
#pragma once
#include "base/buf.h"
#include "base/cur.h"

/* The byte here, or -1. */
static inline int lex_peek(const struct cur *c) { return c->at < c->in.n ? (unsigned char)c->in.p[c->at] : -1; }
static inline bool lex_take(struct cur *c, char byte)
{
	bool here = c->at < c->in.n && c->in.p[c->at] == byte;
	c->at += here;
	return here;
}
static inline bool lex_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* Blanks, line ends and comments. False when a comment has no end; then everything is taken. comment, if not NULL,
 * becomes the inside of the last comment, with its backslashes. */
bool lex_cfws(struct cur *c, str *comment);

/* The rest appends to out. Words take the blanks and comments behind them; false: one of these has no end, or there is
 * no such word. */
bool lex_token(struct cur *c, struct buf *out); /* MIME token, perhaps empty */
/* Stands at the quote. Without quotes, backslashes and line ends. */
bool lex_quoted(struct cur *c, struct buf *out, str *comment);
/* A text that holds backslashes and folding, without them. */
void lex_unquote(str text, struct buf *out);
