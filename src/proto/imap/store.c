/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/store.h"

#include "proto/imap/astring.h"

/* store = "STORE" SP sequence-set SP store-att-flags;
 * store-att-flags = (["+" / "-"] "FLAGS" [".SILENT"]) SP (flag-list / (flag *(SP flag))) */
err imap_store_parse(struct cur *c, struct arena *a, struct imap_store *out)
{
	struct imap_store store = { .set = imap_sequence(c, a) };
	imap_space(c);
	store.mode = cur_take(c, '+') ? IMAP_STORE_ADD : cur_take(c, '-') ? IMAP_STORE_REMOVE : IMAP_STORE_REPLACE;
	cur_need_str(c, S("FLAGS"));
	store.is_silent = cur_take_str(c, S(".SILENT"));
	imap_space(c);
	store.flags = imap_flags(c, a);
	cur_end(c);
	TRY(c->e);
	*out = store;
	return OK;
}
