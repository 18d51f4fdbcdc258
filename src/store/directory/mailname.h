/* SPDX-License-Identifier: Apache-2.0 */
/* A mail address as the directory compares it: the local part without quotes and escapes, both parts in lower case for
 * ASCII; other characters of a local part are compared byte by byte (RFC 6531). RFC 5321 2.4 lets a server ignore the case of
 * its own local parts. A domain beyond ASCII has got its A-labels before (proto/idna/domain.h), outside of this process. */
#pragma once
#include "base/buf.h"

enum {
	MAILNAME_LOCAL_MAX = 64,   /* RFC 5321 4.5.3.1.1 */
	MAILNAME_DOMAIN_MAX = 255, /* RFC 5321 4.5.3.1.2 */
	MAILNAME_MAX = MAILNAME_LOCAL_MAX + 1 + MAILNAME_DOMAIN_MAX,
};

struct mailname {
	str local, domain; /* neither is empty */
};

/* Reads `local@domain`, `"quoted"@domain`, `local@[literal]`. A source route in front, `@a,@b:`, is skipped (RFC 5321
 * 4.1.1.3), so that what is looked at is what mail would be sent to. A bare `postmaster` (RFC 5321 4.5.1) gets the
 * domain `fallback`. The result lives as long as the room, of which it takes at most MAILNAME_MAX bytes.
 * ERR_SYNTAX, also for a domain beyond ASCII; ERR_LIMIT: a part is too long. */
err mailname_parse(str text, str fallback, struct buf *room, struct mailname *out);

/* A domain in lower case. ERR_SYNTAX, ERR_LIMIT. */
err mailname_domain(str text, struct buf *room, str *out);

/* The address as it is written, with quotes where the local part needs them. */
void mailname_write(struct buf *to, const struct mailname *name);

bool mailname_eq(const struct mailname *a, const struct mailname *b);
