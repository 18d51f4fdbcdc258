/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/parameter.h"

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* xtext = *( xchar / hexchar ), hexchar = "+" and two upper-case digits. RFC 3461 4 */
err smtp_xtext_decode(struct arena *a, str text, str *out)
{
	struct buf b = buf_in(a, text.n);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '+') {
			if (!is_char(CH_XCHAR, text.p[i]))
				return FAIL(SYNTAX);
			buf_byte(&b, text.p[i]);
			continue;
		}
		int high = i + 2 < text.n ? digit(text.p[i + 1]) : -1, low = i + 2 < text.n ? digit(text.p[i + 2]) : -1;
		if (high < 0 || low < 0)
			return FAIL(SYNTAX);
		buf_byte(&b, (char)(unsigned char)(high << 4 | low));
		i += 2;
	}
	if (b.lost)
		return FAIL(MEMORY);
	*out = buf_str(&b);
	return OK;
}

void smtp_xtext_encode(struct buf *b, str bytes)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char byte = (unsigned char)bytes.p[i];
		if (is_char(CH_XCHAR, bytes.p[i]))
			buf_byte(b, bytes.p[i]);
		else
			buf_add(b, (str){ (char[3]){ '+', digits[byte >> 4], digits[byte & 15] }, 3 });
	}
}
