/* SPDX-License-Identifier: Apache-2.0 */
/* What the strict reader accepts, the lenient one reads in the same way: the two never name different senders. */
#include <stdlib.h>

#include "base/arena.h"
#include "fuzz.h"
#include "proto/mime/address.h"
#include "proto/mime/header.h"

enum { MOST = 20 };

static void compare(const struct mime_address *list, const struct mime_mailbox *strict, size_t count)
{
	for (size_t i = 0; i < count; i++, list = list->next) {
		if (list == NULL || list->kind != MIME_MAILBOX || list->broken)
			abort();
		if (!str_eq(list->local, strict[i].local) || !str_eq(list->domain, strict[i].domain))
			abort();
	}
	if (list != NULL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new("fuzz", 1 << 24);
	str value = { (const char *)p, n };
	struct mime_mailbox *strict;
	size_t count, groups = 0;
	const struct mime_address *list = mime_address_list(a, mime_unfold(a, value));
	if (arena_spent(a))
		abort();
	for (const struct mime_address *address = list; address != NULL; address = address->next) {
		groups += address->kind == MIME_GROUP_START;
		if (address->kind == MIME_GROUP_END && groups-- == 0)
			abort();
	}
	if (groups != 0)
		abort();
	if (!failed(mime_mailbox_list(a, value, MOST, &strict, &count)))
		compare(list, strict, count);
	arena_free(&a);
	return 0;
}
