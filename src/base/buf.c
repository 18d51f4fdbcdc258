/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

struct buf buf_in(struct arena *a, size_t room)
{
	char *p = arena_get(a, 1, room);
	return (struct buf){ .p = p, .room = p != NULL ? room : 0, .lost = p == NULL };
}

void buf_add(struct buf *b, str s)
{
	if (b->lost || s.n > b->room - b->n) {
		b->lost = true;
		return;
	}
	if (s.n > 0)
		memcpy(b->p + b->n, s.p, s.n);
	b->n += s.n;
}

void buf_byte(struct buf *b, char c) { buf_add(b, (str){ &c, 1 }); }

void buf_number(struct buf *b, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;
	do
		digits[--at] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	buf_add(b, (str){ digits + at, sizeof digits - at });
}

void buf_addf(struct buf *b, const char *format, ...)
{
	va_list list;
	if (b->lost)
		return;
	va_start(list, format);
	int length = vsnprintf(b->p + b->n, b->room - b->n, format, list);
	va_end(list);
	/* vsnprintf needs a byte for its NUL, so a text that fills the room to the last byte counts as lost. */
	if (length < 0 || (size_t)length >= b->room - b->n)
		b->lost = true;
	else
		b->n += (size_t)length;
}

void buf_hex(struct buf *b, const void *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = bytes;
	for (size_t i = 0; i < n; i++) {
		buf_byte(b, digits[p[i] >> 4]);
		buf_byte(b, digits[p[i] & 15]);
	}
}

err buf_done(const struct buf *b, str *out)
{
	if (b->lost)
		return FAIL(LIMIT);
	*out = buf_str(b);
	return OK;
}
