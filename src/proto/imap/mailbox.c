/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/mailbox.h"

#include "proto/imap/astring.h"

str imap_mailbox_canonical(str name, struct arena *a)
{
	if (!str_starts_nocase(name, S("INBOX")) || str_starts(name, S("INBOX")))
		return name;
	if (name.n > 5 && name.p[5] != IMAP_SEPARATOR)
		return name;
	struct buf b = buf_in(a, name.n);
	buf_add(&b, S("INBOX"));
	buf_add(&b, str_after(name, 5));
	return b.lost ? NO_STR : buf_str(&b);
}

/* mailbox = "INBOX" / astring */
str imap_mailbox(struct cur *c, struct arena *a)
{
	str name = NO_STR;
	str wire = imap_astring(c, a);
	if (!cur_ok(c))
		return NO_STR;
	err e = imap_mailbox_decode(wire, a, &name);
	if (failed(e))
		cur_fail_with(c, e, "a mailbox name in modified UTF-7");
	name = imap_mailbox_canonical(name, a);
	if (arena_spent(a))
		cur_fail_with(c, FAIL(MEMORY), "less memory");
	return cur_ok(c) ? name : NO_STR;
}

void imap_write_mailbox(struct buf *b, str name)
{
	/* Three bytes take at most seven on the wire: "&" and "é" make "&-&AOk-". */
	char room[4 * IMAP_MAILBOX_MAX];
	struct buf wire = BUF_ON(room);
	imap_mailbox_encode(&wire, name);
	if (wire.lost)
		b->lost = true;
	else
		imap_write_astring(b, buf_str(&wire));
}

err imap_one_mailbox_parse(struct cur *c, struct arena *a, str *out)
{
	str mailbox = imap_mailbox(c, a);
	cur_end(c);
	TRY(c->e);
	*out = mailbox;
	return OK;
}

/* rename = "RENAME" SP mailbox SP mailbox */
err imap_rename_parse(struct cur *c, struct arena *a, struct imap_rename *out)
{
	struct imap_rename rename;
	rename.from = imap_mailbox(c, a);
	imap_space(c);
	rename.to = imap_mailbox(c, a);
	cur_end(c);
	TRY(c->e);
	*out = rename;
	return OK;
}
