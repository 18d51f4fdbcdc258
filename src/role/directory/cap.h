/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what goes to each of many names in an hour, in a table of fixed size. Where it is full the name with the smallest
 * count is forgotten. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

struct cap;

/* NULL: the arena is spent. */
struct cap *cap_new(struct arena *a);

/* How many in the hour that began with the first of them; and one more, with the new count. */
unsigned cap_count(const struct cap *c, str name, int64_t now);
unsigned cap_add(struct cap *c, str name, int64_t now);
