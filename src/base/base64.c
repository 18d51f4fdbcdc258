/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include "base/chars.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *b, str bytes)
{
	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t n = bytes.n - i < 3 ? bytes.n - i : 3;
		uint32_t group = 0;
		for (size_t k = 0; k < 3; k++)
			group = group << 8 | (k < n ? (unsigned char)bytes.p[i + k] : 0);
		char text[4] = { alphabet[group >> 18], alphabet[group >> 12 & 63], alphabet[group >> 6 & 63],
			alphabet[group & 63] };
		for (size_t k = n + 1; k < 4; k++)
			text[k] = '=';
		buf_add(b, (str){ text, sizeof text });
	}
}

static uint32_t value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint32_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint32_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint32_t)(c - '0' + 52);
	return c == '+' ? 62 : 63;
}

/* The text is of the alphabet but for its padding; only the last group is padded. */
static bool is_well_formed(str text, size_t *padding)
{
	*padding = 0;
	while (*padding < 2 && *padding < text.n && text.p[text.n - 1 - *padding] == '=')
		++*padding;
	return text.n % 4 == 0 && str_is(CH_BASE64, str_slice(text, 0, text.n - *padding));
}

err base64_decode(struct buf *b, str text)
{
	size_t padding;
	if (!is_well_formed(text, &padding))
		return FAIL(SYNTAX);
	for (size_t i = 0; i < text.n; i += 4) {
		size_t missing = i + 4 == text.n ? padding : 0;
		uint32_t group = 0;
		for (size_t k = 0; k < 4; k++)
			group = group << 6 | (k < 4 - missing ? value(text.p[i + k]) : 0);
		if ((group & ((1u << 8 * missing) - 1)) != 0)
			return FAIL(SYNTAX);
		char bytes[3] = { (char)(unsigned char)(group >> 16), (char)(unsigned char)(group >> 8),
			(char)(unsigned char)group };
		buf_add(b, (str){ bytes, sizeof bytes - missing });
	}
	return b->lost ? FAIL(LIMIT) : OK;
}
