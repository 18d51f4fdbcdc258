/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/nearest.h"

enum { WORD_MAX = 40 };

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }

/* Letters added, dropped, changed or swapped with their neighbour: one row of the table per letter of a, two rows kept. */
static unsigned distance(str a, str b)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0], *last = rows[1], *now = rows[2];
	for (unsigned j = 0; j <= b.n; j++)
		last[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned same = a.p[i - 1] == b.p[j - 1] ? 0 : 1;
			now[j] = least(last[j - 1] + same, least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		unsigned *oldest = before;
		before = last;
		last = now;
		now = oldest;
	}
	return last[b.n];
}

void nearest_try(struct nearest *n, str candidate)
{
	if (n->word.n > WORD_MAX || candidate.n > WORD_MAX)
		return;
	unsigned d = distance(n->word, candidate);
	if (d < n->distance && 2 * d < candidate.n) {
		n->distance = d;
		n->found = candidate;
	}
}
