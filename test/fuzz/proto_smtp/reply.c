/* SPDX-License-Identifier: Apache-2.0 */
/* Any text that we put into a reply comes out as lines that are one reply with our code: nobody who is quoted in it can
 * end it. Any text read as replies stays within the room. */
#include "fuzz.h"
#include "proto/smtp/reply.h"

#include <stdlib.h>

enum { TEXT_MAX = 4096, WRITTEN_MAX = 1 << 16, READ_MAX = 256 };

static void write_and_read(str text, bool utf8)
{
	static char room[WRITTEN_MAX], back[WRITTEN_MAX];
	struct buf b = BUF_ON(room);
	struct smtp_reply_reader r;
	smtp_reply_write(&b, &(struct smtp_reply){ 550, S("5.1.1"), text }, utf8);
	if (b.lost)
		abort();
	smtp_reply_start(&r, back, sizeof back);
	str rest = buf_str(&b), line;
	while (str_cut(&rest, '\n', &line)) {
		if (line.n + 1 > SMTP_REPLY_LINE_MAX || line.p[line.n - 1] != '\r')
			abort();
		line.n--;
		err e = smtp_reply_line(&r, line);
		if (e.code == ERR_LIMIT)
			return;
		if (failed(e) || str_find(line, '\r') != STR_NONE || str_find(line, '\0') != STR_NONE)
			abort();
	}
	if (!r.done || r.reply.code != 550 || !str_eq(r.reply.enhanced, S("5.1.1")))
		abort();
}

static void read_any(str text)
{
	char room[READ_MAX];
	struct smtp_reply_reader r;
	str line;
	smtp_reply_start(&r, room, sizeof room);
	while (!r.done && str_word(&text, '\n', &line))
		if (failed(smtp_reply_line(&r, line)))
			return;
	if (r.done && (r.reply.code < 200 || r.reply.code > 599 || r.reply.text.n > sizeof room))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0 || n > TEXT_MAX)
		return 0;
	str text = { (const char *)p + 1, n - 1 };
	write_and_read(text, (p[0] & 1) != 0);
	read_any(text);
	return 0;
}
