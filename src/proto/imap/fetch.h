/* SPDX-License-Identifier: Apache-2.0 */
/* FETCH and UID FETCH (RFC 3501 6.4.5). The macros ALL, FAST and FULL come out as the items that they stand for. */
#pragma once
#include "proto/imap/section.h"
#include "proto/imap/sequence.h"

enum { IMAP_SECTIONS_MAX = 128 };

enum imap_fetch_item {
	IMAP_FETCH_UID = 1 << 0,
	IMAP_FETCH_FLAGS = 1 << 1,
	IMAP_FETCH_INTERNALDATE = 1 << 2,
	IMAP_FETCH_SIZE = 1 << 3, /* RFC822.SIZE */
	IMAP_FETCH_ENVELOPE = 1 << 4,
	IMAP_FETCH_STRUCTURE = 1 << 5, /* BODY: without extension data */
	IMAP_FETCH_BODYSTRUCTURE = 1 << 6,
};

struct imap_fetch {
	struct imap_sequence set;
	unsigned items; /* a set of enum imap_fetch_item */
	const struct imap_section *sections;
	size_t section_count;
	bool sets_seen; /* at least one section is no peek */
};

/* UID FETCH answers with the UID whether or not it was asked for (RFC 3501 6.4.8): the caller adds it to items. */
err imap_fetch_parse(struct cur *c, struct arena *a, struct imap_fetch *out);
