/* SPDX-License-Identifier: Apache-2.0 */
/* However the stream is cut into chunks, the result is the same; and it is what a reader finds who is too simple to be
 * wrong: the end is the first CRLF "." CRLF, lines end in CRLF, and one dot goes from the beginning of each. */
#include "fuzz.h"
#include "proto/smtp/data.h"
#include "base/buf.h"

#include <stdlib.h>

enum { ROOM = 1 << 16 };

struct result {
	struct smtp_data d;
	struct buf body;
	size_t taken;
};

/* cuts: lengths of the chunks, used round and round; none: one chunk. */
static struct result run(str in, str cuts, char *room, bool binary)
{
	struct result r = { .body = { .p = room, .room = ROOM } };
	r.d = binary ? smtp_data_start_binary() : smtp_data_start();
	for (size_t i = 0; r.taken < in.n && !r.d.ended; i++) {
		size_t n = cuts.n > 0 ? (size_t)(unsigned char)cuts.p[i % cuts.n] + 1 : in.n;
		str chunk = str_slice(in, r.taken, r.taken + n), span;
		r.taken += chunk.n;
		while (smtp_data_next(&r.d, &chunk, &span))
			buf_add(&r.body, span);
		r.taken -= chunk.n;
	}
	return r;
}

static void check_same(const struct result *a, const struct result *b)
{
	if (!str_eq(buf_str(&a->body), buf_str(&b->body)) || a->taken != b->taken || a->d.ended != b->d.ended)
		abort();
	if (a->d.marks != b->d.marks || a->d.lines != b->d.lines || a->d.line_max != b->d.line_max ||
		a->d.header_size != b->d.header_size || a->d.received != b->d.received || a->d.size != b->d.size)
		abort();
}

/* The end of data, counted from the first byte; STR_NONE: not there. */
static size_t end_of(str in)
{
	if (str_starts(in, S(".\r\n")))
		return 3;
	size_t at = str_find_str(in, S("\r\n.\r\n"));
	return at != STR_NONE ? at + 5 : STR_NONE;
}

static unsigned bare(str in)
{
	unsigned marks = 0;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '\r' && i + 1 < in.n && in.p[i + 1] != '\n')
			marks |= SMTP_DATA_BARE_CR;
		if (in.p[i] == '\n' && (i == 0 || in.p[i - 1] != '\r'))
			marks |= SMTP_DATA_BARE_LF;
		if (in.p[i] == '\0')
			marks |= SMTP_DATA_NUL;
		if ((unsigned char)in.p[i] >= 0x80)
			marks |= SMTP_DATA_EIGHT_BIT;
	}
	return marks;
}

static void check_simply(str in, const struct result *r)
{
	static char room[ROOM];
	struct buf want = { .p = room, .room = ROOM };
	size_t end = end_of(in);
	if (r->d.ended != (end != STR_NONE) || (r->d.ended && r->taken != end))
		abort();
	if (!r->d.ended)
		return;
	str message = str_slice(in, 0, end - 3), line;
	for (str rest = message; rest.n > 0; buf_add(&want, line)) {
		size_t at = str_find_str(rest, S("\r\n"));
		line = str_slice(rest, 0, at != STR_NONE ? at + 2 : rest.n);
		rest = str_after(rest, line.n);
		if (str_starts(line, S(".")))
			line = str_after(line, 1);
	}
	if (!str_eq(buf_str(&want), buf_str(&r->body)) || r->d.marks != bare(message) || r->d.size != want.n)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char one[ROOM], other[ROOM];
	if (n < 4 || n > ROOM)
		return 0;
	str cuts = { (const char *)p, 3 }, in = { (const char *)p + 3, n - 3 };
	struct result whole = run(in, NO_STR, one, false), cut = run(in, cuts, other, false);
	check_same(&whole, &cut);
	check_simply(in, &whole);
	whole = run(in, NO_STR, one, true);
	cut = run(in, cuts, other, true);
	check_same(&whole, &cut);
	if (whole.d.ended || !str_eq(buf_str(&whole.body), in))
		abort();
	return 0;
}
