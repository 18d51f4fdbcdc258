/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/status.h"

#include "proto/imap/astring.h"
#include "proto/imap/mailbox.h"

static const str names[] = {
#define IMAP_STATUS(name, source) S(#name),
#include "proto/imap/status.def"
#undef IMAP_STATUS
};

static unsigned status_att(struct cur *c)
{
	for (unsigned bit = 0; bit < IMAP_STATUS_BITS; bit++)
		if (imap_take_word(c, names[bit]))
			return 1U << bit;
	cur_fail(c, "a status data item");
	return 0;
}

unsigned imap_status_items(struct cur *c)
{
	unsigned items = 0;
	cur_need_str(c, S("("));
	do
		items |= status_att(c);
	while (cur_take(c, ' '));
	cur_need_str(c, S(")"));
	return cur_ok(c) ? items : 0;
}

/* status = "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" */
err imap_status_parse(struct cur *c, struct arena *a, struct imap_status *out)
{
	struct imap_status status;
	status.mailbox = imap_mailbox(c, a);
	imap_space(c);
	status.items = imap_status_items(c);
	cur_end(c);
	TRY(c->e);
	*out = status;
	return OK;
}
