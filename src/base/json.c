/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

/* How many bytes at the start of s are one well-formed character, 0 for none.
 *     UTF8-char = UTF8-1 / UTF8-2 / UTF8-3 / UTF8-4          RFC 3629 4 */
static size_t character(str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	if (p[0] < 0x80)
		return 1;
	size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
		   : p[0] >= 0xe0 && p[0] <= 0xef ? 3
		   : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
						  : 0;
	if (n == 0 || n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool surrogate = p[0] == 0xed && p[1] > 0x9f;
	bool too_high = p[0] == 0xf4 && p[1] > 0x8f;
	return overlong || surrogate || too_high ? 0 : n;
}

/* C0, DEL and C1: what a terminal would obey. */
static bool is_control(str c)
{
	unsigned char first = (unsigned char)c.p[0];
	return first < 0x20 || first == 0x7f || (first == 0xc2 && (unsigned char)c.p[1] < 0xa0);
}

static void escape(struct buf *to, str c)
{
	if (c.p[0] == '"' || c.p[0] == '\\') {
		buf_byte(to, '\\');
		buf_add(to, c);
	} else if (is_control(c)) {
		unsigned char code = (unsigned char)c.p[c.n - 1];
		buf_add(to, S("\\u00"));
		buf_hex(to, &code, 1);
	} else {
		buf_add(to, c);
	}
}

static bool is_plain(char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; }

void json_string(struct buf *to, str value)
{
	buf_byte(to, '"');
	for (size_t at = 0; at < value.n;) {
		size_t from = at;
		while (at < value.n && is_plain(value.p[at]))
			at++;
		buf_add(to, str_slice(value, from, at));
		if (at == value.n)
			break;
		size_t n = character(str_after(value, at));
		if (n > 0)
			escape(to, str_slice(value, at, at + n));
		else
			buf_add(to, S("\xef\xbf\xbd"));
		at += n > 0 ? n : 1;
	}
	buf_byte(to, '"');
}

struct json json_begin(struct buf *to)
{
	buf_byte(to, '{');
	return (struct json){ .to = to };
}

void json_end(struct json *j) { buf_byte(j->to, '}'); }

static void comma(struct json *j)
{
	if (j->has_member)
		buf_byte(j->to, ',');
	j->has_member = true;
}

static void name(struct json *j, const char *name)
{
	comma(j);
	json_string(j->to, str_of(name));
	buf_byte(j->to, ':');
}

void json_text(struct json *j, const char *text_name, str value)
{
	name(j, text_name);
	if (value.p == NULL)
		buf_add(j->to, S("null"));
	else
		json_string(j->to, value);
}

void json_number(struct json *j, const char *number_name, uint64_t value)
{
	name(j, number_name);
	buf_number(j->to, value);
}

void json_flag(struct json *j, const char *flag_name, bool value)
{
	name(j, flag_name);
	buf_add(j->to, value ? S("true") : S("false"));
}

void json_list_begin(struct json *j, const char *list_name)
{
	name(j, list_name);
	buf_byte(j->to, '[');
	j->has_member = false;
}

void json_list_item(struct json *j, str value)
{
	comma(j);
	json_string(j->to, value);
}

void json_list_end(struct json *j)
{
	buf_byte(j->to, ']');
	j->has_member = true;
}
