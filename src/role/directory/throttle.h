/* SPDX-License-Identifier: Apache-2.0 */
/* Counts failures by key, in a table of fixed size: where it is full those who failed least go first. A count is forgotten
 * once nothing failed for a while. */
#pragma once
#include "base/arena.h"
#include "base/hash.h"

struct throttle;

/* NULL: the arena is spent. */
struct throttle *throttle_new(struct arena *a);
/* For how many milliseconds a failure counts, also those that were counted before. Must be said before the first one. */
void throttle_set_while(struct throttle *t, int64_t while_ms);

unsigned throttle_count(const struct throttle *t, str key, int64_t now);
/* One more; the new count. */
unsigned throttle_add(struct throttle *t, str key, int64_t now);
void throttle_forget(struct throttle *t, str key);
