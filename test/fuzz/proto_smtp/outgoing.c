/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever we send, the receiving side of data.h finds one message in it, complete, without a bare CR or LF, and what it
 * finds is what was given in, line ends put right; however the bytes are cut. */
#include "fuzz.h"
#include "proto/smtp/data.h"
#include "proto/smtp/outgoing.h"

#include <stdlib.h>

enum { IN_MAX = 1 << 14, ROOM = 1 << 16 };

static void check_received(str sent, str given)
{
	static char room[ROOM], plain[ROOM];
	struct buf got = { .p = room, .room = ROOM }, want = { .p = plain, .room = ROOM };
	struct smtp_data d = smtp_data_start();
	str rest = sent, span;
	while (smtp_data_next(&d, &rest, &span))
		buf_add(&got, span);
	if (!d.ended || rest.n > 0 || (d.marks & (SMTP_DATA_BARE_CR | SMTP_DATA_BARE_LF)) != 0)
		abort();
	for (size_t i = 0; i < given.n; i++) {
		bool pair = given.p[i] == '\r' && i + 1 < given.n && given.p[i + 1] == '\n';
		if (pair)
			buf_add(&want, S("\r\n"));
		else
			buf_byte(&want, given.p[i] == '\r' || given.p[i] == '\n' ? ' ' : given.p[i]);
		i += pair;
	}
	if (given.n > 0 && !str_ends(buf_str(&want), S("\r\n")))
		buf_add(&want, S("\r\n"));
	if (!str_eq(buf_str(&got), buf_str(&want)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char room[ROOM];
	if (n < 4 || n > IN_MAX)
		return 0;
	struct buf b = { .p = room, .room = ROOM };
	struct smtp_outgoing o = smtp_outgoing_start(true);
	str given = { (const char *)p + 3, n - 3 }, rest = given;
	for (size_t i = 0; rest.n > 0; i++) {
		size_t piece = (size_t)p[i % 3] + 1, before = b.n;
		str bytes = str_slice(rest, 0, piece);
		smtp_outgoing_add(&o, bytes, &b);
		if (b.n - before > smtp_outgoing_room(bytes.n))
			abort();
		rest = str_after(rest, piece);
	}
	smtp_outgoing_end(&o, &b);
	buf_add(&b, S(".\r\n"));
	check_received(buf_str(&b), given);
	return 0;
}
