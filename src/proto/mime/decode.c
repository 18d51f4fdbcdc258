/* SPDX-License-Identifier: Apache-2.0 */
/* Transfer encodings as small machines: each byte of input gives at most three of output, so a step is taken while
 * there is room for three. */
#include "proto/mime/decode.h"

#include "base/chars.h"

enum { LARGEST_STEP = 3 };
enum { PLAIN, EQUALS, EQUALS_DIGIT, EQUALS_BLANK };

/* clang-format off */
/* Value plus one of each character of RFC 2045 6.8, table 1; 0: it is none of them. */
static const uint8_t base64_values[256] = {
	['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
	['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
	['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
	['+'] = 63, ['/'] = 64,
};
/* clang-format on */

/* "All line breaks or other characters not found in Table 1 must be ignored" (RFC 2045 6.8). Padding ends a piece;
 * pieces that were encoded on their own and put together are read on. */
static void base64_step(struct mime_decoder *d, char byte, struct buf *out)
{
	unsigned value = base64_values[(unsigned char)byte];
	if (byte == '=')
		d->bits_count = 0;
	if (value == 0)
		return;
	d->bits = d->bits << 6 | (value - 1);
	d->bits_count = (uint8_t)(d->bits_count + 6);
	if (d->bits_count >= 8) {
		d->bits_count = (uint8_t)(d->bits_count - 8);
		buf_byte(out, (char)(d->bits >> d->bits_count));
	}
}

/* Whole groups of four, as long as nothing else stands between them. How many characters were taken. */
static size_t base64_groups(str in, struct buf *out)
{
	size_t at = 0;
	for (; in.n - at >= 4 && out->room - out->n >= 3; at += 4) {
		const unsigned char *p = (const unsigned char *)in.p + at;
		unsigned a = base64_values[p[0]], b = base64_values[p[1]], c = base64_values[p[2]],
			 d = base64_values[p[3]];
		if (a == 0 || b == 0 || c == 0 || d == 0)
			break;
		unsigned bits = (a - 1) << 18 | (b - 1) << 12 | (c - 1) << 6 | (d - 1);
		out->p[out->n++] = (char)(bits >> 16);
		out->p[out->n++] = (char)(bits >> 8);
		out->p[out->n++] = (char)bits;
	}
	return at;
}

static size_t base64_take(struct mime_decoder *d, str in, struct buf *out)
{
	size_t at = 0;
	while (at < in.n && out->room - out->n >= LARGEST_STEP) {
		if (d->bits_count == 0)
			at += base64_groups(str_after(in, at), out);
		if (at < in.n && out->room - out->n >= LARGEST_STEP)
			base64_step(d, in.p[at++], out);
	}
	return at;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An "=" that begins nothing stands for itself, as RFC 2045 6.7 suggests. */
static void quoted_give_up(struct mime_decoder *d, struct buf *out)
{
	if (d->state != PLAIN)
		buf_byte(out, '=');
	if (d->state == EQUALS_DIGIT)
		buf_byte(out, d->digit);
	d->state = PLAIN;
}

static void quoted_step(struct mime_decoder *d, char byte, struct buf *out)
{
	int value = hex_value(byte);
	if (d->state == EQUALS && value >= 0) {
		d->state = EQUALS_DIGIT;
		d->digit = byte;
	} else if (d->state == EQUALS_DIGIT && value >= 0) {
		d->state = PLAIN;
		buf_byte(out, (char)(hex_value(d->digit) * 16 + value));
	} else if ((d->state == EQUALS || d->state == EQUALS_BLANK) && byte == '\n') {
		d->state = PLAIN; /* a soft line break */
	} else if ((d->state == EQUALS || d->state == EQUALS_BLANK) && (byte == '\r' || is_char(CH_WSP, byte))) {
		d->state = EQUALS_BLANK;
	} else {
		quoted_give_up(d, out);
		if (byte == '=')
			d->state = EQUALS;
		else
			buf_byte(out, byte);
	}
}

static void copy(str *in, struct buf *out)
{
	size_t n = out->room - out->n < in->n ? out->room - out->n : in->n;
	buf_add(out, str_slice(*in, 0, n));
	*in = str_after(*in, n);
}

void mime_decode(struct mime_decoder *d, str *in, bool last, struct buf *out)
{
	bool base64 = d->encoding == MIME_ENCODING_BASE64;
	if (!base64 && d->encoding != MIME_ENCODING_QUOTED_PRINTABLE) {
		copy(in, out);
		return;
	}
	size_t at = 0;
	if (base64)
		at = base64_take(d, *in, out);
	for (; !base64 && at < in->n && out->room - out->n >= LARGEST_STEP; at++)
		quoted_step(d, in->p[at], out);
	*in = str_after(*in, at);
	if (last && in->n == 0 && !base64 && out->room - out->n >= LARGEST_STEP)
		quoted_give_up(d, out);
}
