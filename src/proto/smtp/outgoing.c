/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/outgoing.h"

/* Where text that holds nothing special ends. */
static size_t plain_run(str s)
{
	const char *cr = s.n > 0 ? memchr(s.p, '\r', s.n) : NULL;
	size_t n = cr != NULL ? (size_t)(cr - s.p) : s.n;
	const char *lf = n > 0 ? memchr(s.p, '\n', n) : NULL;
	return lf != NULL ? (size_t)(lf - s.p) : n;
}

/* The CR that was held back, now that the next byte is known. */
static void settle(struct smtp_outgoing *o, bool lf, struct buf *out)
{
	buf_add(out, lf ? S("\r\n") : S(" "));
	o->cr = false;
	o->line_start = lf;
}

void smtp_outgoing_add(struct smtp_outgoing *o, str bytes, struct buf *out)
{
	while (bytes.n > 0) {
		const char first = bytes.p[0];
		if (o->cr) {
			settle(o, first == '\n', out);
			if (first == '\n')
				bytes = str_after(bytes, 1);
			continue;
		}
		if (first == '\r' || first == '\n') {
			o->cr = first == '\r';
			if (first == '\n') {
				buf_byte(out, ' ');
				o->line_start = false;
			}
			bytes = str_after(bytes, 1);
			continue;
		}
		if (o->line_start && o->stuffs && first == '.')
			buf_byte(out, '.');
		size_t n = plain_run(bytes);
		buf_add(out, str_slice(bytes, 0, n));
		o->line_start = false;
		bytes = str_after(bytes, n);
	}
}

void smtp_outgoing_end(struct smtp_outgoing *o, struct buf *out)
{
	if (o->cr)
		settle(o, false, out);
	if (!o->line_start)
		buf_add(out, S("\r\n"));
	o->line_start = true;
}
