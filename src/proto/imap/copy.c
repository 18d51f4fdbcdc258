/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/copy.h"

#include "proto/imap/astring.h"
#include "proto/imap/mailbox.h"

/* copy = "COPY" SP sequence-set SP mailbox */
err imap_copy_parse(struct cur *c, struct arena *a, struct imap_copy *out)
{
	struct imap_copy copy = { .set = imap_sequence(c, a) };
	imap_space(c);
	copy.mailbox = imap_mailbox(c, a);
	cur_end(c);
	TRY(c->e);
	*out = copy;
	return OK;
}

err imap_one_set_parse(struct cur *c, struct arena *a, struct imap_sequence *out)
{
	struct imap_sequence set = imap_sequence(c, a);
	cur_end(c);
	TRY(c->e);
	*out = set;
	return OK;
}
