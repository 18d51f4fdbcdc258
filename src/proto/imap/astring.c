/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/astring.h"

enum { QUOTED_MAX = 900 }; /* longer strings go out as literals: clients read lines into buffers of 1000 bytes */

str imap_atom(struct cur *c, const char *expected) { return cur_run(c, CH_ATOM, expected); }

static str unescape(struct cur *c, struct arena *a, str raw, size_t escapes)
{
	struct buf b = buf_in(a, raw.n - escapes);
	for (size_t i = 0; i < raw.n && !b.lost; i++) {
		if (raw.p[i] == '\\')
			i++;
		buf_byte(&b, raw.p[i]);
	}
	if (b.lost) {
		cur_fail_with(c, FAIL(MEMORY), "less memory");
		return NO_STR;
	}
	return buf_str(&b);
}

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE, behind its first DQUOTE */
static str quoted(struct cur *c, struct arena *a)
{
	size_t from = c->at, escapes = 0;
	while (!cur_take(c, '"')) {
		int byte = cur_peek(c);
		if (byte <= 0 || byte == '\r' || byte == '\n') {
			cur_fail(c, "a closing quotation mark");
			return NO_STR;
		}
		c->at++;
		if (byte == '\\') {
			if (cur_peek(c) != '"' && cur_peek(c) != '\\') {
				cur_fail(c, "a quotation mark or a backslash after a backslash");
				return NO_STR;
			}
			c->at++;
			escapes++;
		}
	}
	str raw = str_slice(c->in, from, c->at - 1);
	return escapes == 0 ? raw : unescape(c, a, raw, escapes);
}

/* literal = "{" number64 ["+"] "}" CRLF *CHAR8, behind its brace */
static str literal(struct cur *c)
{
	uint64_t size = cur_number(c, INT64_MAX);
	cur_take(c, '+');
	cur_need_str(c, S("}"));
	if (cur_ok(c) && cur_at_end(c))
		cur_fail_with(c, FAIL(AGAIN), "the bytes of a literal");
	if (!cur_take_str(c, S("\r\n")))
		cur_fail(c, "the end of the line");
	str bytes = cur_bytes(c, (size_t)size);
	if (cur_ok(c) && str_find(bytes, '\0') != STR_NONE)
		cur_fail(c, "a literal without NUL");
	return cur_ok(c) ? bytes : NO_STR;
}

str imap_string(struct cur *c, struct arena *a)
{
	if (cur_take(c, '"'))
		return quoted(c, a);
	if (cur_take(c, '{'))
		return literal(c);
	cur_fail(c, "a string");
	return NO_STR;
}

str imap_astring(struct cur *c, struct arena *a)
{
	int byte = cur_peek(c);
	if (byte == '"' || byte == '{')
		return imap_string(c, a);
	return cur_run(c, CH_ASTRING, "a string");
}

str imap_nstring(struct cur *c, struct arena *a)
{
	if (imap_take_word(c, S("NIL")))
		return NO_STR;
	return imap_string(c, a);
}

bool imap_take_word(struct cur *c, str word)
{
	size_t from = c->at;
	if (!cur_take_str(c, word))
		return false;
	int next = cur_peek(c);
	if (next < 0 || !is_char(CH_ATOM, (char)next))
		return true;
	c->at = from;
	return false;
}

void imap_space(struct cur *c)
{
	if (!cur_take(c, ' '))
		cur_fail(c, "a space");
}

uint32_t imap_nz_number(struct cur *c)
{
	uint32_t number = (uint32_t)cur_number(c, UINT32_MAX);
	if (cur_ok(c) && number == 0)
		cur_fail(c, "a number above 0");
	return number;
}

static bool can_be_quoted(str s)
{
	if (s.n > QUOTED_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || (unsigned char)s.p[i] > 0x7e)
			return false;
	return true;
}

void imap_write_string(struct buf *b, str s)
{
	size_t nul = str_find(s, '\0');
	if (nul != STR_NONE)
		s = str_slice(s, 0, nul);
	if (!can_be_quoted(s)) {
		buf_byte(b, '{');
		buf_number(b, s.n);
		buf_add(b, S("}\r\n"));
		buf_add(b, s);
		return;
	}
	buf_byte(b, '"');
	for (size_t from = 0, to; from < s.n; from = to) {
		for (to = from + 1; to < s.n && s.p[to] != '"' && s.p[to] != '\\'; to++)
			continue;
		if (s.p[from] == '"' || s.p[from] == '\\')
			buf_byte(b, '\\');
		buf_add(b, str_slice(s, from, to));
	}
	buf_byte(b, '"');
}

void imap_write_astring(struct buf *b, str s)
{
	if (s.n > 0 && str_is(CH_ASTRING, s) && !str_eq_nocase(s, S("NIL")))
		buf_add(b, s);
	else
		imap_write_string(b, s);
}

void imap_write_nstring(struct buf *b, str s)
{
	if (s.p == NULL)
		buf_add(b, S("NIL"));
	else
		imap_write_string(b, s);
}
