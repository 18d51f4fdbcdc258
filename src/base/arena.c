/* SPDX-License-Identifier: Apache-2.0 */
/* A list of blocks, newest first. Small requests are cut from the newest block; a large one gets a block of its own. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_BLOCK = 1000, LARGEST_BLOCK = 64 << 10, ALIGN = alignof(max_align_t) };

struct block {
	struct block *older;
	size_t room, used;
	alignas(max_align_t) char bytes[];
};

struct arena {
	const char *name;
	size_t budget, held, peak, next_block;
	bool spent;
	struct block *newest;
};

bool (*arena_fault)(size_t bytes) = NULL;

void wipe(void *p, size_t n)
{
	if (n > 0)
		explicit_bzero(p, n);
}

struct arena *arena_new(const char *name, size_t budget)
{
	struct arena *a = calloc(1, sizeof *a);
	if (a == NULL) {
		fprintf(stderr, "siegel: out of memory for %s\n", name);
		abort();
	}
	a->name = name;
	a->budget = budget;
	a->next_block = FIRST_BLOCK;
	return a;
}

static struct block *add_block(struct arena *a, size_t bytes)
{
	size_t room = bytes > a->next_block ? bytes : a->next_block;
	struct block *b = calloc(1, sizeof *b + room);
	if (b == NULL)
		return NULL;
	b->room = room;
	b->older = a->newest;
	a->newest = b;
	if (a->next_block < LARGEST_BLOCK)
		a->next_block *= 2;
	return b;
}

void *arena_get(struct arena *a, size_t size, size_t count)
{
	size_t bytes;
	if (a->spent || __builtin_mul_overflow(size, count, &bytes) || bytes > SIZE_MAX - ALIGN)
		goto refuse;
	bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	if (bytes == 0)
		bytes = ALIGN;
	if (bytes > a->budget - a->held || (arena_fault != NULL && arena_fault(bytes)))
		goto refuse;
	struct block *b = a->newest;
	if (b == NULL || b->room - b->used < bytes)
		b = add_block(a, bytes);
	if (b == NULL)
		goto refuse;
	void *memory = b->bytes + b->used;
	b->used += bytes;
	a->held += bytes;
	if (a->held > a->peak)
		a->peak = a->held;
	return memory;
refuse:
	a->spent = true;
	return NULL;
}

bool arena_spent(const struct arena *a) { return a->spent; }
size_t arena_held(const struct arena *a) { return a->held; }
size_t arena_peak(const struct arena *a) { return a->peak; }

str arena_copy(struct arena *a, str s)
{
	char *p = s.n < SIZE_MAX ? arena_get(a, 1, s.n + 1) : NULL;
	if (p == NULL)
		return NO_STR;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	return (str){ p, s.n };
}

static void drop(struct block *b)
{
	wipe(b->bytes, b->used);
	free(b);
}

void arena_reset(struct arena *a)
{
	while (a->newest != NULL && a->newest->older != NULL) {
		struct block *b = a->newest;
		a->newest = b->older;
		drop(b);
	}
	if (a->newest != NULL) {
		wipe(a->newest->bytes, a->newest->used);
		a->newest->used = 0;
	}
	a->next_block = FIRST_BLOCK;
	a->held = 0;
	a->spent = false;
}

void arena_free(struct arena **a)
{
	struct arena *whole = *a; /* *a may lie in the arena itself, which is about to be wiped */
	if (whole == NULL)
		return;
	*a = NULL;
	arena_reset(whole);
	free(whole->newest);
	free(whole);
}
