/* SPDX-License-Identifier: Apache-2.0 */
/* Modified UTF-7 (RFC 3501 5.1.3): printable ASCII stands for itself, "&-" for "&", and everything else is UTF-16 in a
 * base64 of its own between "&" and "-". */
#include "base/utf8.h"
#include "proto/imap/mailbox.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool is_plain(uint32_t character) { return character >= 0x20 && character <= 0x7e; }

static bool is_control(uint32_t character) { return character < 0x20 || (character >= 0x7f && character <= 0x9f); }

static int digit_value(int byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return byte - 'A';
	if (byte >= 'a' && byte <= 'z')
		return byte - 'a' + 26;
	if (byte >= '0' && byte <= '9')
		return byte - '0' + 52;
	return byte == '+' ? 62 : byte == ',' ? 63 : -1;
}

/* Bits that wait until they make a unit, while reading or writing. */
struct bits {
	uint32_t value;
	unsigned n;
};

/* The next UTF-16 unit; at the "-" that ends the run it is false, with the cursor failed unless all is in order. */
static bool take_unit(struct cur *c, struct bits *bits, uint32_t *out)
{
	while (bits->n < 16) {
		int value = digit_value(cur_peek(c));
		if (value < 0) {
			cur_need(c, '-');
			if (bits->n >= 6 || (bits->value & ((1U << bits->n) - 1)) != 0)
				cur_fail(c, NULL);
			return false;
		}
		c->at++;
		bits->value = bits->value << 6 | (uint32_t)value;
		bits->n += 6;
	}
	bits->n -= 16;
	*out = bits->value >> bits->n & 0xffff;
	return true;
}

/* A run of base64 behind its "&". */
static void decode_run(struct cur *c, struct buf *b)
{
	struct bits bits = { 0 };
	uint32_t unit, low = 0;
	size_t characters = 0;
	while (take_unit(c, &bits, &unit)) {
		if (unit >= 0xd800 && unit < 0xdc00) {
			if (!take_unit(c, &bits, &low) || low < 0xdc00 || low > 0xdfff)
				cur_fail(c, NULL);
			unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
		}
		if (is_plain(unit) || is_control(unit))
			cur_fail(c, NULL);
		if (!cur_ok(c))
			return;
		buf_utf8(b, unit);
		characters++;
	}
	/* "&AOk-&AOk-" is a second spelling of "&AOkA6Q-". */
	str rest = cur_rest(c);
	if (characters == 0 || (str_starts(rest, S("&")) && !str_starts(rest, S("&-"))))
		cur_fail(c, NULL);
}

err imap_mailbox_decode(str wire, struct arena *a, str *out)
{
	if (wire.n > IMAP_MAILBOX_MAX)
		return FAIL(LIMIT);
	if (str_is(CH_PRINT, wire) && str_find(wire, '&') == STR_NONE) {
		*out = wire;
		return OK;
	}
	struct cur c = cur_of(wire);
	/* Eight characters of base64 make three units, and those at most nine bytes. */
	struct buf b = buf_in(a, 2 * wire.n);
	if (b.p == NULL)
		return FAIL(MEMORY);
	while (cur_ok(&c) && !cur_at_end(&c)) {
		str plain = cur_until(&c, '&');
		if (!str_is(CH_PRINT, plain))
			cur_fail(&c, NULL);
		buf_add(&b, plain);
		if (cur_take(&c, '&')) {
			if (cur_take(&c, '-'))
				buf_byte(&b, '&');
			else
				decode_run(&c, &b);
		}
	}
	TRY(c.e);
	/* A surrogate without its other half loses the buffer. */
	return b.lost ? FAIL(SYNTAX) : b.n > IMAP_MAILBOX_MAX ? FAIL(LIMIT) : buf_done(&b, out);
}

static void put_unit(struct buf *b, struct bits *bits, uint32_t unit)
{
	bits->value = bits->value << 16 | unit;
	bits->n += 16;
	while (bits->n >= 6) {
		bits->n -= 6;
		buf_byte(b, digits[bits->value >> bits->n & 63]);
	}
}

static void put_character(struct buf *b, struct bits *bits, uint32_t character)
{
	if (character < 0x10000) {
		put_unit(b, bits, character);
		return;
	}
	character -= 0x10000;
	put_unit(b, bits, 0xd800 + (character >> 10));
	put_unit(b, bits, 0xdc00 + (character & 0x3ff));
}

static void end_run(struct buf *b, struct bits *bits)
{
	if (bits->n > 0)
		buf_byte(b, digits[bits->value << (6 - bits->n) & 63]);
	buf_byte(b, '-');
	*bits = (struct bits){ 0 };
}

void imap_mailbox_encode(struct buf *b, str name)
{
	struct bits bits = { 0 };
	bool in_run = false;
	uint32_t character;
	while (utf8_take(&name, &character)) {
		if (is_control(character))
			b->lost = true;
		if (is_plain(character) != !in_run) {
			if (in_run)
				end_run(b, &bits);
			else
				buf_byte(b, '&');
			in_run = !in_run;
		}
		if (in_run)
			put_character(b, &bits, character);
		else if (character == '&')
			buf_add(b, S("&-"));
		else
			buf_byte(b, (char)character);
	}
	if (in_run)
		end_run(b, &bits);
	if (name.n > 0)
		b->lost = true;
}
