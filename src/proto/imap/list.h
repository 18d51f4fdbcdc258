/* SPDX-License-Identifier: Apache-2.0 */
/* LIST with its options, and LSUB (RFC 3501 6.3.8 and 6.3.9, RFC 5258 3, RFC 5819 2, RFC 6154 2). The whole grammar is
 * read; what is not announced the session refuses. */
#pragma once
#include "base/arena.h"
#include "base/cur.h"

enum { IMAP_PATTERNS_MAX = 32 };

enum imap_list_select {
	IMAP_SELECT_SUBSCRIBED = 1 << 0,
	IMAP_SELECT_REMOTE = 1 << 1,
	IMAP_SELECT_RECURSIVEMATCH = 1 << 2, /* only beside SUBSCRIBED (RFC 5258 3.1) */
	IMAP_SELECT_SPECIAL_USE = 1 << 3,
};

enum imap_list_return {
	IMAP_RETURN_SUBSCRIBED = 1 << 0,
	IMAP_RETURN_CHILDREN = 1 << 1,
	IMAP_RETURN_SPECIAL_USE = 1 << 2,
	IMAP_RETURN_STATUS = 1 << 3,
};

struct imap_list {
	str reference;       /* UTF-8 */
	const str *patterns; /* UTF-8, for imap_pattern_matches(); not yet joined with the reference */
	size_t count;        /* at least 1 */
	bool is_extended;    /* the form of RFC 5258 3, in which an empty pattern has no special meaning */
	unsigned selects;    /* sets of the enums above */
	unsigned returns;
	unsigned status; /* enum imap_status_item, with IMAP_RETURN_STATUS */
};

/* ERR_UNSUPPORTED: an option that is well-formed and not known; the answer is BAD (RFC 5258 3). */
err imap_list_parse(struct cur *c, struct arena *a, struct imap_list *out);

/* Fills reference and one pattern. */
err imap_lsub_parse(struct cur *c, struct arena *a, struct imap_list *out);
