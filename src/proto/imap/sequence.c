/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/sequence.h"

#include <stdlib.h>

#include "proto/imap/astring.h"

/* seq-number = nz-number / "*" */
static uint32_t seq_number(struct cur *c)
{
	if (cur_take(c, '*'))
		return IMAP_STAR;
	int byte = cur_peek(c);
	if (byte < '0' || byte > '9')
		cur_fail(c, "a message number");
	return imap_nz_number(c);
}

/* How many ranges the set that stands here can have. */
static size_t count_ranges(const struct cur *c)
{
	size_t count = 1;
	str rest = cur_rest(c);
	for (size_t i = 0; i < rest.n; i++) {
		char byte = rest.p[i];
		if (byte == ',')
			count++;
		else if (byte != ':' && byte != '*' && !is_char(CH_DIGIT, byte))
			break;
	}
	return count;
}

/* sequence-set = (seq-number / seq-range) ["," sequence-set]; seq-range = seq-number ":" seq-number */
struct imap_sequence imap_sequence(struct cur *c, struct arena *a)
{
	struct imap_sequence set = { 0 };
	size_t most = cur_ok(c) ? count_ranges(c) : 0;
	if (most > IMAP_RANGES_MAX)
		cur_fail_with(c, FAIL(LIMIT), "fewer message numbers");
	if (!cur_ok(c))
		return set;
	set.ranges = NEW(a, struct imap_range, most);
	if (set.ranges == NULL)
		cur_fail_with(c, FAIL(MEMORY), "less memory");
	while (cur_ok(c)) {
		struct imap_range range;
		range.first = seq_number(c);
		range.last = cur_take(c, ':') ? seq_number(c) : range.first;
		if (!cur_ok(c))
			break;
		set.ranges[set.count++] = range;
		if (!cur_take(c, ','))
			return set;
	}
	return (struct imap_sequence){ 0 };
}

static int by_first(const void *left, const void *right)
{
	const struct imap_range *a = left, *b = right;
	return a->first < b->first ? -1 : a->first > b->first;
}

void imap_sequence_resolve(struct imap_sequence *set, uint32_t star)
{
	size_t kept = 0;
	for (size_t i = 0; i < set->count; i++) {
		struct imap_range range = set->ranges[i];
		if (range.first == IMAP_STAR)
			range.first = star;
		if (range.last == IMAP_STAR)
			range.last = star;
		if (range.first > range.last)
			range = (struct imap_range){ range.last, range.first };
		if (range.first > 0)
			set->ranges[kept++] = range;
	}
	set->count = kept;
	if (kept == 0)
		return;
	qsort(set->ranges, kept, sizeof *set->ranges, by_first);
	size_t at = 0;
	for (size_t i = 1; i < kept; i++) {
		struct imap_range *last = &set->ranges[at], next = set->ranges[i];
		if (last->last == UINT32_MAX || next.first <= last->last + 1)
			last->last = next.last > last->last ? next.last : last->last;
		else
			set->ranges[++at] = next;
	}
	set->count = at + 1;
}

uint32_t imap_sequence_highest(const struct imap_sequence *set)
{
	return set->count > 0 ? set->ranges[set->count - 1].last : 0;
}

bool imap_sequence_has(const struct imap_sequence *set, uint32_t n)
{
	size_t low = 0, high = set->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->ranges[middle].last < n)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->ranges[low].first <= n;
}

void imap_write_sequence_add(struct buf *b, struct imap_sequence_writer *w, uint32_t n)
{
	if (w->first != 0 && w->last != UINT32_MAX && n == w->last + 1) {
		w->last = n;
		return;
	}
	imap_write_sequence_end(b, w);
	w->first = w->last = n;
}

void imap_write_sequence_end(struct buf *b, struct imap_sequence_writer *w)
{
	if (w->first == 0)
		return;
	if (w->has_written)
		buf_byte(b, ',');
	buf_number(b, w->first);
	if (w->last != w->first) {
		buf_byte(b, ':');
		buf_number(b, w->last);
	}
	w->has_written = true;
	w->first = 0;
}

void imap_write_sequence(struct buf *b, const uint32_t *numbers, size_t count)
{
	struct imap_sequence_writer w = { 0 };
	for (size_t i = 0; i < count; i++)
		imap_write_sequence_add(b, &w, numbers[i]);
	imap_write_sequence_end(b, &w);
}
