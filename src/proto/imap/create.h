/* SPDX-License-Identifier: Apache-2.0 */
/* CREATE, with the special uses that the new mailbox shall have (RFC 3501 6.3.3, RFC 6154 3). */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

enum imap_use {
#define IMAP_USE(name, bit, text) IMAP_USE_##name = 1 << (bit),
#include "proto/imap/use.def"
#undef IMAP_USE
};

struct imap_create {
	str mailbox;         /* UTF-8; a separator at its end, which only announces names below, is still there */
	unsigned uses;       /* a set of enum imap_use */
	bool has_other_uses; /* one that we do not know: NO [USEATTR] (RFC 6154 3) */
};

err imap_create_parse(struct cur *c, struct arena *a, struct imap_create *out);

/* "\Sent \Trash": the uses with a space between them. */
void imap_write_uses(struct buf *b, unsigned set);
