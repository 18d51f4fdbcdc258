/* SPDX-License-Identifier: Apache-2.0 */
/* What `siegel queue list` and `siegel queue show` print: JSON lines, made page by page in the writer. Refusals are
 * sentences for the administrator, NULL when there is none. */
#pragma once
#include "store/spool/spool.h"

struct listing_line {
	struct listing_line *next;
	str json;
};

struct listing {
	struct arena *words; /* the caller's: lives as long as the listing */
	/* the question */
	bool shows_one;
	uint8_t number[SPOOL_NUMBER];
	bool has_number;
	str sender, recipient, domain; /* absent: any */
	int64_t received_before;       /* milliseconds UTC */
	/* the page */
	struct arena *page;
	struct listing_line *first;
	char *room; /* for one line */
	int64_t after;
	bool more;
};

/* verb: "queue list" or "queue show". */
const char *listing_begin(struct listing *l, str verb);
/* sender=, recipient=, domain=, age= (at least so old: 30s 5m 2h 1d), id=. */
const char *listing_filter(struct listing *l, str word);
const char *listing_check(const struct listing *l);
/* The next page. ERR_ABSENT: the one message asked for is not there. */
err listing_read(struct listing *l, struct spool *spool);
void listing_free(struct listing *l);
