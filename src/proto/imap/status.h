/* SPDX-License-Identifier: Apache-2.0 */
/* STATUS (RFC 3501 6.3.10). */
#pragma once
#include "base/arena.h"
#include "base/cur.h"

enum imap_status_bit {
#define IMAP_STATUS(name, source) IMAP_STATUS_BIT_##name,
#include "proto/imap/status.def"
#undef IMAP_STATUS
	IMAP_STATUS_BITS
};

enum imap_status_item {
#define IMAP_STATUS(name, source) IMAP_STATUS_##name = 1 << IMAP_STATUS_BIT_##name,
#include "proto/imap/status.def"
#undef IMAP_STATUS
};

struct imap_status {
	str mailbox;    /* UTF-8 */
	unsigned items; /* a set of enum imap_status_item, not empty */
};

err imap_status_parse(struct cur *c, struct arena *a, struct imap_status *out);

/* "(" status-att *(SP status-att) ")" alone, as LIST's RETURN (STATUS (…)) has it. */
unsigned imap_status_items(struct cur *c);
