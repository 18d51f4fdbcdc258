/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/times.h"

#include "role/queue/schedule.h"

static void put(struct times *t, size_t at, struct destination *d)
{
	t->heap[at] = d;
	d->place_in_heap = at;
}

static void sift_up(struct times *t, size_t at)
{
	struct destination *d = t->heap[at];
	for (; at > 0 && t->heap[(at - 1) / 2]->at > d->at; at = (at - 1) / 2)
		put(t, at, t->heap[(at - 1) / 2]);
	put(t, at, d);
}

static void sift_down(struct times *t, size_t at)
{
	struct destination *d = t->heap[at];
	for (size_t child; (child = 2 * at + 1) < t->n; at = child) {
		if (child + 1 < t->n && t->heap[child + 1]->at < t->heap[child]->at)
			child++;
		if (t->heap[child]->at >= d->at)
			break;
		put(t, at, t->heap[child]);
	}
	put(t, at, d);
}

void times_add(struct times *t, struct destination *d) { put(t, t->n++, d); }

void times_move(struct times *t, struct destination *d, int64_t at)
{
	bool earlier = at < d->at;
	d->at = at;
	if (earlier)
		sift_up(t, d->place_in_heap);
	else
		sift_down(t, d->place_in_heap);
}

void times_remove(struct times *t, struct destination *d)
{
	struct destination *last = t->heap[--t->n];
	if (last == d)
		return;
	put(t, d->place_in_heap, last);
	sift_up(t, last->place_in_heap);
	sift_down(t, last->place_in_heap);
}

struct destination *times_first(const struct times *t) { return t->n > 0 ? t->heap[0] : NULL; }

struct destination *times_walk(const struct times *t, const struct destination *d)
{
	size_t next = d == NULL ? 0 : d->place_in_heap + 1;
	return next < t->n ? t->heap[next] : NULL;
}
