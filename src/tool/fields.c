/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/fields.h"

#include "base/buf.h"
#include "base/cur.h"

struct reading {
	struct cur cur;
	struct arena *arena;
	bool memory;
};

static void blanks(struct cur *c)
{
	while (cur_take(c, ' ') || cur_take(c, '\t'))
		;
}

static unsigned hex4(struct cur *c)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++) {
		int b = cur_peek(c);
		int digit = b >= '0' && b <= '9'   ? b - '0'
			    : b >= 'a' && b <= 'f' ? b - 'a' + 10
			    : b >= 'A' && b <= 'F' ? b - 'A' + 10
						   : -1;
		if (digit < 0)
			cur_fail(c, "a hexadecimal digit");
		(void)cur_bytes(c, 1);
		value = value << 4 | (unsigned)(digit & 15);
	}
	return value;
}

/* UTF-8, RFC 3629 3. */
static void put_rune(struct buf *b, unsigned rune)
{
	if (rune < 0x80) {
		buf_byte(b, (char)rune);
		return;
	}
	if (rune < 0x800) {
		buf_byte(b, (char)(0xc0 | rune >> 6));
	} else if (rune < 0x10000) {
		buf_byte(b, (char)(0xe0 | rune >> 12));
		buf_byte(b, (char)(0x80 | (rune >> 6 & 0x3f)));
	} else {
		buf_byte(b, (char)(0xf0 | rune >> 18));
		buf_byte(b, (char)(0x80 | (rune >> 12 & 0x3f)));
		buf_byte(b, (char)(0x80 | (rune >> 6 & 0x3f)));
	}
	buf_byte(b, (char)(0x80 | (rune & 0x3f)));
}

static void escaped(struct cur *c, struct buf *b)
{
	static const char letters[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	str letter = cur_bytes(c, 1);
	const char *at = letter.n == 1 && letter.p[0] != '\0' ? strchr(letters, letter.p[0]) : NULL;
	if (at != NULL) {
		buf_byte(b, bytes[at - letters]);
		return;
	}
	if (!str_eq(letter, S("u"))) {
		cur_fail(c, "an escape sequence");
		return;
	}
	unsigned rune = hex4(c);
	if (rune >= 0xd800 && rune < 0xdc00) { /* the first half of a pair */
		cur_need_str(c, S("\\u"));
		unsigned low = hex4(c);
		if (low < 0xdc00 || low > 0xdfff)
			cur_fail(c, "the second half of a pair");
		rune = 0x10000 + ((rune - 0xd800) << 10) + ((low - 0xdc00) & 0x3ff);
	}
	put_rune(b, rune);
}

static str string(struct reading *r)
{
	struct cur *c = &r->cur;
	struct buf b = buf_in(r->arena, c->in.n - c->at + 1); /* no escape grows */
	cur_need(c, '"');
	while (cur_ok(c) && cur_peek(c) != '"') {
		if (cur_peek(c) >= 0 && cur_peek(c) < ' ')
			cur_fail(c, "a text without control characters");
		else if (cur_take(c, '\\'))
			escaped(c, &b);
		else
			buf_add(&b, cur_bytes(c, 1));
	}
	cur_need(c, '"');
	r->memory |= b.lost;
	return buf_str(&b);
}

static str list(struct reading *r)
{
	struct cur *c = &r->cur;
	struct buf b = buf_in(r->arena, 2 * (c->in.n - c->at) + 2);
	cur_need(c, '[');
	blanks(c);
	for (bool more = cur_peek(c) != ']'; more && cur_ok(c); more = cur_take(c, ',')) {
		blanks(c);
		buf_add(&b, b.n > 0 ? S(", ") : S(""));
		buf_add(&b, string(r));
		blanks(c);
	}
	cur_need(c, ']');
	r->memory |= b.lost;
	return buf_str(&b);
}

static str value(struct reading *r)
{
	struct cur *c = &r->cur;
	if (cur_peek(c) == '"')
		return string(r);
	if (cur_peek(c) == '[')
		return list(r);
	if (cur_take_str(c, S("true")))
		return S("yes");
	if (cur_take_str(c, S("false")))
		return S("no");
	if (cur_take_str(c, S("null")))
		return NO_STR;
	size_t from = c->at;
	(void)cur_take(c, '-');
	(void)cur_number(c, UINT64_MAX);
	return cur_since(c, from);
}

err fields_parse(str line, struct arena *a, struct fields *out)
{
	struct reading r = { cur_of(str_trim(line)), a, false };
	struct cur *c = &r.cur;
	struct fields fields = { .count = 0 };
	cur_need(c, '{');
	blanks(c);
	for (bool more = cur_peek(c) != '}'; more && cur_ok(c); more = cur_take(c, ',')) {
		if (fields.count == FIELDS_MAX)
			return FAIL(LIMIT);
		struct field *f = &fields.all[fields.count++];
		blanks(c);
		f->name = string(&r);
		blanks(c);
		cur_need(c, ':');
		blanks(c);
		f->value = value(&r);
		blanks(c);
	}
	cur_need(c, '}');
	cur_end(c);
	TRY(c->e);
	if (r.memory)
		return FAIL(MEMORY);
	*out = fields;
	return OK;
}

str fields_get(const struct fields *f, str name)
{
	for (size_t i = 0; i < f->count; i++)
		if (str_eq(f->all[i].name, name))
			return f->all[i].value;
	return NO_STR;
}
