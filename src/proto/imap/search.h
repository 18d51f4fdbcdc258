/* SPDX-License-Identifier: Apache-2.0 */
/* SEARCH and UID SEARCH (RFC 3501 6.4.4). The program comes out as a flat list of tests, each of which knows where to
 * go on when it holds and when it does not; AND, OR, NOT and parentheses are gone. To evaluate it for a message:
 *
 *	uint16_t at = search.start;
 *	while (at < IMAP_SEARCH_NO_MATCH)
 *		at = holds(&search.tests[at], message) ? search.tests[at].yes : search.tests[at].no;
 *	return at == IMAP_SEARCH_MATCH;
 *
 * Both ways lead forward, so that this ends, looks at no test twice, and stops as soon as the answer is clear. Tests
 * that look at less of the message come first, as far as the program allows. */
#pragma once
#include "base/arena.h"
#include "base/cur.h"
#include "proto/imap/sequence.h"

enum {
	IMAP_SEARCH_TESTS_MAX = 1024,
	IMAP_SEARCH_DEPTH_MAX = 32, /* of NOT, OR and parentheses within each other */
	IMAP_SEARCH_NO_MATCH = 0xfffe,
	IMAP_SEARCH_MATCH = 0xffff,
};

/* What a test looks at, cheapest first: the message's row, its header, its body. */
enum imap_search_key {
	IMAP_SEARCH_ALL,     /* holds always */
	IMAP_SEARCH_SET,     /* the message number is in set */
	IMAP_SEARCH_UID,     /* the UID is in set */
	IMAP_SEARCH_FLAG,    /* (system flags & mask) == flags, in bits of enum imap_flag */
	IMAP_SEARCH_KEYWORD, /* the keyword text is set, in any case */
	IMAP_SEARCH_ARRIVED, /* low <= day of INTERNALDATE <= high; days as imap_datetime_day() gives them */
	IMAP_SEARCH_SIZE,    /* low <= RFC822.SIZE <= high */
	IMAP_SEARCH_SENT,    /* low <= day of the Date field, by its own zone <= high; false without one */
	IMAP_SEARCH_ADDRESS, /* text is part of the address field `field` (From, To, Cc, Bcc) */
	IMAP_SEARCH_HEADER,  /* text is part of a field `field`; empty text: such a field exists */
	IMAP_SEARCH_BODY,    /* text is part of the body */
	IMAP_SEARCH_TEXT,    /* text is part of the header or the body */
};

struct imap_search_test {
	enum imap_search_key key;
	uint16_t yes, no;         /* where to go on: an index above this one, or IMAP_SEARCH_MATCH or _NO_MATCH */
	unsigned mask, flags;     /* FLAG */
	struct imap_sequence set; /* SET, UID: still to be resolved */
	int64_t low, high;        /* ARRIVED, SENT, SIZE */
	str field;                /* ADDRESS, HEADER: the name, as written */
	str text;                 /* UTF-8, valid; as written, case and all */
};

struct imap_search {
	struct imap_search_test *tests; /* in the arena; the caller resolves the sets in place */
	uint16_t count;
	uint16_t start;               /* always 0 */
	enum imap_search_key highest; /* the dearest key among them */
};

/* Without CHARSET the strings are taken for UTF-8, of which US-ASCII, the RFC's default, is a part.
 * ERR_UNSUPPORTED: another charset than UTF-8 and US-ASCII: NO [BADCHARSET (US-ASCII UTF-8)].
 * ERR_LIMIT: more tests or deeper than the limits above. */
err imap_search_parse(struct cur *c, struct arena *a, struct imap_search *out);
