/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays in an arena whose length is known only at their end. */
#pragma once
#include "base/arena.h"

/* The array of count things of size bytes with room for one more: itself, or a copy of twice the room. NULL when the
 * arena is spent. */
static inline void *imap_more(struct arena *a, void *things, size_t size, size_t count)
{
	enum { FIRST = 4 };
	if (count != 0 && (count < FIRST || (count & (count - 1)) != 0))
		return things;
	void *larger = arena_get(a, size, count < FIRST ? FIRST : 2 * count);
	if (larger != NULL && things != NULL)
		memcpy(larger, things, size * count);
	return larger;
}
