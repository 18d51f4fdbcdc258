/* SPDX-License-Identifier: Apache-2.0 */
/* Mailbox names: modified UTF-7 on the wire (RFC 3501 5.1.3), UTF-8 with us. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

enum { IMAP_MAILBOX_MAX = 1000 }; /* bytes of a name, in UTF-8 and on the wire */
#define IMAP_SEPARATOR '/'

/* Exactly one spelling is accepted for each name, so that nothing can pass for two names: printable ASCII stands for
 * itself, everything else is encoded, shifts are as few as possible, spare bits are zero, surrogates come in pairs.
 * ERR_SYNTAX: it is not in that form, or it holds a control character (of C0 or C1). ERR_LIMIT: longer than IMAP_MAILBOX_MAX.
 * The result lies in the arena, or is the wire's text where the two are the same. */
err imap_mailbox_decode(str wire, struct arena *a, str *out);
/* Writes the wire's form of a name in UTF-8; bytes that are not UTF-8 lose the buffer. */
void imap_mailbox_encode(struct buf *b, str name);

/* mailbox = "INBOX" / astring. INBOX in any case becomes "INBOX" (RFC 3501 5.1), also as the first level of a name. */
str imap_mailbox(struct cur *c, struct arena *a);
/* The name with its first level written INBOX where that is INBOX in any case; a copy only then. */
str imap_mailbox_canonical(str name, struct arena *a);
/* The name's wire form as an astring. */
void imap_write_mailbox(struct buf *b, str name);

/* SELECT, EXAMINE, DELETE, SUBSCRIBE, UNSUBSCRIBE */
err imap_one_mailbox_parse(struct cur *c, struct arena *a, str *out);

struct imap_rename {
	str from, to;
};
err imap_rename_parse(struct cur *c, struct arena *a, struct imap_rename *out);
