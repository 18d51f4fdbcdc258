/* SPDX-License-Identifier: Apache-2.0 */
/* Transfer encodings as small machines: each byte of input gives at most three of output, so a step is taken while
 * there is room for three. */
#include "proto/mime/decode.h"

#include "base/chars.h"

enum { LARGEST_STEP = 3 };
enum { PLAIN, EQUALS, EQUALS_DIGIT, EQUALS_BLANK };

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* "All line breaks or other characters not found in Table 1 must be ignored" (RFC 2045 6.8). Padding ends a piece;
 * pieces that were encoded on their own and put together are read on. */
static void base64_step(struct mime_decoder *d, char byte, struct buf *out)
{
	int value = base64_value(byte);
	if (byte == '=')
		d->bits_count = 0;
	if (value < 0)
		return;
	d->bits = d->bits << 6 | (uint32_t)value;
	d->bits_count = (uint8_t)(d->bits_count + 6);
	if (d->bits_count >= 8) {
		d->bits_count = (uint8_t)(d->bits_count - 8);
		buf_byte(out, (char)(d->bits >> d->bits_count));
	}
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
	for (; at < in->n && out->room - out->n >= LARGEST_STEP; at++)
		if (base64)
			base64_step(d, in->p[at], out);
		else
			quoted_step(d, in->p[at], out);
	*in = str_after(*in, at);
	if (last && in->n == 0 && !base64 && out->room - out->n >= LARGEST_STEP)
		quoted_give_up(d, out);
}
