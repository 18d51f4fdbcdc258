/* SPDX-License-Identifier: Apache-2.0 */
/* The destinations by the time at which each is looked at again, in a heap. A destination stands in it once and knows where;
 * its time changes by times_move() alone. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct destination;

struct times {
	struct destination **heap; /* the caller's, with room for all */
	size_t n;
};

/* Its time must be INT64_MAX, the last there is. */
void times_add(struct times *t, struct destination *d);
void times_move(struct times *t, struct destination *d, int64_t at);
void times_remove(struct times *t, struct destination *d);
/* The one whose time comes first; NULL: there is none. */
struct destination *times_first(const struct times *t);
/* All of them, in no order that means anything: the one behind d, the first for NULL; NULL: that was the last. */
struct destination *times_walk(const struct times *t, const struct destination *d);
