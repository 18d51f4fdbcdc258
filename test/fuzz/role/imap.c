/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that somebody who has logged in can say by IMAP. Whatever it was: each line that comes back ends in CR LF with
 * neither standing alone, literals are as long as they claim, the last line says goodbye, and the account is sound. */
#include "role/imap_house.h"

enum { SAID_MAX = 64 << 10, LINE_ROOM = 64 };

/* A client cannot make the store fail. */
void service_finish(struct service *s)
{
	(void)s;
	abort();
}

/* What was heard of the line that is being read: its first and last bytes. */
static struct hearing {
	uint64_t literal; /* bytes of it that are still to come */
	char start[LINE_ROOM], end[LINE_ROOM];
	size_t n;
	bool was_bye;
} hearing;

static void end_line(struct hearing *h)
{
	const str start = str_from(h->start, h->n < LINE_ROOM ? h->n : LINE_ROOM);
	h->was_bye = str_starts(start, S("* BYE ")) || (h->was_bye && str_starts(start, S("in ")));
	h->n = 0;
}

/* The number in front of "}CR", behind "{"; the last bytes stand in a ring. */
static bool ends_in_literal(const struct hearing *h, uint64_t *size)
{
	uint64_t number = 0, unit = 1;
	size_t i = h->n - 2;
	if (h->n < 4 || h->end[i % LINE_ROOM] != '}')
		return false;
	for (i--; i > 0 && h->n - i < 22 && h->end[i % LINE_ROOM] >= '0' && h->end[i % LINE_ROOM] <= '9';
		i--, unit *= 10)
		number += unit * (uint64_t)(h->end[i % LINE_ROOM] - '0');
	*size = number;
	return h->end[i % LINE_ROOM] == '{' && unit > 1;
}

static void hear_byte(struct hearing *h, char byte)
{
	const char before = h->n > 0 ? h->end[(h->n - 1) % LINE_ROOM] : '\0';
	if (h->literal > 0) {
		h->literal--;
		return;
	}
	must(byte != '\0' && (before == '\r') == (byte == '\n'));
	if (byte == '\n' && ends_in_literal(h, &h->literal)) {
		h->end[h->n++ % LINE_ROOM] = byte;
		return;
	}
	if (h->n < LINE_ROOM)
		h->start[h->n] = byte;
	h->end[h->n++ % LINE_ROOM] = byte;
	if (byte == '\n')
		end_line(h);
}

static void hear(str bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		hear_byte(&hearing, bytes.p[i]);
}

static void open_account(void)
{
	remove_files();
	write_image();
	must_work(account_open("account.db", 100, NULL, &house.mailbox.account));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct account **account = &house.mailbox.account;
	if (n > SAID_MAX)
		return 0;
	if (house.folder[0] == '\0')
		house_begin();
	if (*account == NULL)
		open_account();
	hearing = (struct hearing){ .literal = 0 };
	house_talk(str_from((const char *)p, n), hear);
	must(hearing.literal == 0 && hearing.n == 0);
	if (account_is_dirty(*account)) {
		must_work(account_check(*account));
		account_close(account);
	}
	return 0;
}
