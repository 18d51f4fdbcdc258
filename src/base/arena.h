/* SPDX-License-Identifier: Apache-2.0 */
/* Memory with one owner and one moment of death. There are three per connection: process, session, command. Nothing is
 * freed singly. Memory comes zeroed and is wiped when it goes, so a forgotten field is a defined one and an over-read
 * shows no password. An arena belongs to one thread at a time. */
#pragma once
#include "base/str.h"

struct arena;

/* budget caps the bytes held at once: it is what a peer can cost us. name is for logs and lives as long as the arena.
 * Never NULL: where the machine has no memory for an arena the process ends. */
struct arena *arena_new(const char *name, size_t budget);

/* Zeroed memory for count things of size bytes, aligned for anything. NULL once the budget is spent, and from then on
 * until the next reset: allocate as much as you like, look once with arena_spent(). */
void *arena_get(struct arena *a, size_t size, size_t count);
bool arena_spent(const struct arena *a);
#define NEW(a, type, count) ((type *)arena_get((a), sizeof(type), (count)))

/* A copy with a NUL behind it; NO_STR when the budget is spent. */
str arena_copy(struct arena *a, str s);

/* Bytes held at the moment, and the most ever held. */
size_t arena_held(const struct arena *a);
size_t arena_peak(const struct arena *a);

/* Forgets and wipes everything; one block is kept for the next use. */
void arena_reset(struct arena *a);
/* Accepts NULL behind the pointer, leaves NULL there. The pointer may itself lie in the arena. */
void arena_free(struct arena **a);

/* Overwrites memory in a way that the compiler does not remove. */
void wipe(void *p, size_t n);

/* Called for each allocation when set: a true answer makes it fail. Only tests of failing memory set it. */
extern bool (*arena_fault)(size_t bytes);
