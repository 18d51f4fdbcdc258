/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/utf8.h"

/* C0, DEL and C1: what a terminal would obey. */
static bool is_control(uint32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

static void escape(struct buf *to, uint32_t c)
{
	if (c == '"' || c == '\\') {
		buf_byte(to, '\\');
		buf_byte(to, (char)c);
	} else if (is_control(c)) {
		buf_addf(to, "\\u%04x", c);
	} else {
		buf_utf8(to, c);
	}
}

static bool is_plain(char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; }

void json_string(struct buf *to, str value)
{
	uint32_t c;
	buf_byte(to, '"');
	while (value.n > 0) {
		size_t plain = 0;
		while (plain < value.n && is_plain(value.p[plain]))
			plain++;
		buf_add(to, str_slice(value, 0, plain));
		value = str_after(value, plain);
		if (value.n > 0 && utf8_take(&value, &c)) {
			escape(to, c);
		} else if (value.n > 0) {
			buf_utf8(to, 0xfffd);
			value = str_after(value, 1);
		}
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
