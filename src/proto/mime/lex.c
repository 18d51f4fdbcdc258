/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mime/lex.h"

/* comment = "(" *([FWS] ccontent) [FWS] ")"              RFC 5322 3.2.2
 * Depth is a number, not a recursion: a million parentheses cost a million steps. */
static bool comment_skip(struct cur *c, str *inside)
{
	size_t from = ++c->at, depth = 1;
	for (; c->at < c->in.n; c->at++) {
		char byte = c->in.p[c->at];
		if (byte == '\\')
			c->at++;
		else if (byte == '(')
			depth++;
		else if (byte == ')' && --depth == 0) {
			if (inside != NULL)
				*inside = cur_since(c, from);
			c->at++;
			return true;
		}
	}
	c->at = c->in.n;
	return false;
}

bool lex_cfws(struct cur *c, str *comment)
{
	while (c->at < c->in.n) {
		if (lex_blank(c->in.p[c->at]))
			c->at++;
		else if (c->in.p[c->at] != '(')
			return true;
		else if (!comment_skip(c, comment))
			return false;
	}
	return true;
}

bool lex_token(struct cur *c, struct buf *out)
{
	size_t from = c->at;
	while (c->at < c->in.n && (is_char(CH_TOKEN, c->in.p[c->at]) || (c->in.p[c->at] & 0x80) != 0))
		c->at++;
	buf_add(out, cur_since(c, from));
	return lex_cfws(c, NULL);
}

/* The next run of plain text, then whatever stands after a backslash; line ends are folding and vanish. */
static void unquote_step(struct cur *c, struct buf *out, char stop)
{
	size_t from = c->at;
	while (c->at < c->in.n && c->in.p[c->at] != stop && c->in.p[c->at] != '\\' && c->in.p[c->at] != '\n')
		c->at++;
	str run = cur_since(c, from);
	if (lex_peek(c) == '\n') {
		if (run.n > 0 && run.p[run.n - 1] == '\r')
			run.n--;
		c->at++;
	}
	buf_add(out, run);
	if (lex_take(c, '\\') && c->at < c->in.n)
		buf_byte(out, c->in.p[c->at++]);
}

bool lex_quoted(struct cur *c, struct buf *out, str *comment)
{
	c->at++;
	while (c->at < c->in.n && c->in.p[c->at] != '"')
		unquote_step(c, out, '"');
	return lex_take(c, '"') && lex_cfws(c, comment);
}

void lex_unquote(str text, struct buf *out)
{
	struct cur c = cur_of(text);
	while (!cur_at_end(&c))
		unquote_step(&c, out, '\n');
}
