/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/enable.h"

#include "proto/imap/astring.h"

/* enable = "ENABLE" 1*(SP capability) */
err imap_enable_parse(struct cur *c, struct arena *a, struct imap_enable *out)
{
	struct imap_enable enable = { 0 };
	str *names = NEW(a, str, IMAP_ENABLE_MAX);
	if (names == NULL)
		cur_fail_with(c, FAIL(MEMORY), "less memory");
	do {
		str name = imap_atom(c, "an extension");
		if (enable.count == IMAP_ENABLE_MAX)
			cur_fail_with(c, FAIL(LIMIT), "fewer extensions");
		if (cur_ok(c))
			names[enable.count++] = name;
	} while (cur_take(c, ' '));
	cur_end(c);
	TRY(c->e);
	enable.names = names;
	*out = enable;
	return OK;
}
