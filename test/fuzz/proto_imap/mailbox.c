/* SPDX-License-Identifier: Apache-2.0 */
/* Names on the wire and in UTF-8 belong to each other one to one. */
#include "fuzz.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "proto/imap/mailbox.h"

static char room[8 * IMAP_MAILBOX_MAX];

static void from_the_wire(str wire, struct arena *a)
{
	str name;
	struct buf b = BUF_ON(room);
	if (failed(imap_mailbox_decode(wire, a, &name)))
		return;
	if (!str_is_utf8(name))
		abort();
	imap_mailbox_encode(&b, name);
	if (b.lost || !str_eq(buf_str(&b), wire))
		abort();
}

static void from_utf8(str name, struct arena *a)
{
	str again;
	struct buf b = BUF_ON(room);
	imap_mailbox_encode(&b, name);
	if (b.lost || b.n > IMAP_MAILBOX_MAX || name.n > IMAP_MAILBOX_MAX)
		return;
	if (!str_is(CH_PRINT, buf_str(&b)))
		abort();
	if (failed(imap_mailbox_decode(buf_str(&b), a, &again)) || !str_eq(again, name))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new("fuzz", 64 << 10);
	str text = { (const char *)p, n };
	from_the_wire(text, a);
	from_utf8(text, a);
	arena_free(&a);
	return 0;
}
