/* SPDX-License-Identifier: Apache-2.0 */
/* A resolved set is in order, holds what the written one says, and survives being written and read again. The first
 * byte stands for "*". */
#include "fuzz.h"

#include <stdlib.h>

#include "proto/imap/frame.h"
#include "proto/imap/sequence.h"

static bool written_has(const struct imap_sequence *set, uint32_t star, uint32_t n)
{
	for (size_t i = 0; i < set->count; i++) {
		uint32_t first = set->ranges[i].first == IMAP_STAR ? star : set->ranges[i].first;
		uint32_t last = set->ranges[i].last == IMAP_STAR ? star : set->ranges[i].last;
		if (first == 0 || last == 0)
			continue;
		if ((first <= n && n <= last) || (last <= n && n <= first))
			return true;
	}
	return false;
}

static void check_order(const struct imap_sequence *set)
{
	for (size_t i = 0; i < set->count; i++) {
		if (set->ranges[i].first > set->ranges[i].last || set->ranges[i].first == 0)
			abort();
		if (i > 0 &&
			(set->ranges[i - 1].last == UINT32_MAX || set->ranges[i].first <= set->ranges[i - 1].last + 1))
			abort();
	}
}

/* The numbers of a small set, written one by one, are the set again. */
static void check_writing(const struct imap_sequence *set, struct arena *a)
{
	struct buf b = buf_in(a, 8 << 10);
	struct imap_sequence_writer w = { 0 };
	for (size_t i = 0; i < set->count; i++) {
		if (set->ranges[i].last - set->ranges[i].first > 1000)
			return;
		for (uint64_t n = set->ranges[i].first; n <= set->ranges[i].last; n++)
			imap_write_sequence_add(&b, &w, (uint32_t)n);
	}
	imap_write_sequence_end(&b, &w);
	if (b.lost || set->count == 0)
		return;
	struct cur c = cur_of(buf_str(&b));
	struct imap_sequence again = imap_sequence(&c, a);
	if (!cur_ok(&c) || again.count != set->count ||
		memcmp(again.ranges, set->ranges, set->count * sizeof *set->ranges) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0 || n > 1000)
		return 0;
	uint32_t star = p[0];
	struct arena *a = arena_new("fuzz", IMAP_ARENA_MAX);
	struct cur c = cur_of((str){ (const char *)p + 1, n - 1 }), again = c;
	struct imap_sequence set = imap_sequence(&c, a), written = imap_sequence(&again, a);
	imap_sequence_resolve(&set, star);
	check_order(&set);
	for (uint32_t number = 1; number < 300; number++)
		if (imap_sequence_has(&set, number) != written_has(&written, star, number))
			abort();
	check_writing(&set, a);
	arena_free(&a);
	return 0;
}
