/* SPDX-License-Identifier: Apache-2.0 */
/* Address lists (RFC 5322 3.4 and 4.4, RFC 6532), read in two ways: leniently for those who show mail, strictly for
 * those who decide by it. Encoded words (RFC 2047) stay as they are. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

/* Addresses of one list that are read; the rest is dropped by the lenient reader and refused by the strict one. */
enum { MIME_ADDRESSES_MAX = 10000 };

enum mime_address_kind { MIME_MAILBOX, MIME_GROUP_START, MIME_GROUP_END };

/* Absent strings have p == NULL. */
struct mime_address {
	struct mime_address *next;
	enum mime_address_kind kind;
	bool broken;       /* something was missing: local or domain hold what could be made of it */
	str name;          /* display name, or that of the group; without quotes and folding */
	str route;         /* "@a,@b" (RFC 5322 4.4) */
	str local, domain; /* without quotes; domain literals with their brackets */
};

/* Everything that can be understood as an address, in order, a group as its start, members and end. A mailbox without
 * a domain or a local part has an empty string there. NULL when there is nothing, or when the arena is spent. Values
 * beyond MIME_VALUE_MAX are cut. */
struct mime_address *mime_address_list(struct arena *a, str value);

/* One mailbox of a strictly read list. local is unquoted. */
struct mime_mailbox {
	str name, local, domain;
};

/* All mailboxes of a From field (RFC 5322 3.6.2), without groups (RFC 6854 allows them, but a sender who cannot be
 * named is nobody). Refuses whatever two readers could understand differently: obsolete routes, missing domains, bare
 * control characters, unbalanced quotes, two addresses without a comma.
 *   ERR_SYNTAX  not a list of mailboxes
 *   ERR_LIMIT   more than max of them, or a longer value than MIME_VALUE_MAX
 *   ERR_MEMORY  the arena is spent */
err mime_mailbox_list(struct arena *a, str value, size_t max, struct mime_mailbox **out, size_t *count);
