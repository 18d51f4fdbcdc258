/* SPDX-License-Identifier: Apache-2.0 */
/* What LIST and LSUB look for: "*" stands for anything, "%" for anything within one level (RFC 3501 6.3.8). */
#pragma once
#include "base/arena.h"
#include "base/cur.h"

/* list-mailbox = 1*list-char / string. The result is in UTF-8; the wildcards stay what they are, for neither can be
 * part of a name here. */
str imap_pattern(struct cur *c, struct arena *a);

/* A reference and a pattern as one pattern (RFC 3501 6.3.8): joined as they are, unless the pattern begins with the
 * separator, which then stands for the root. NO_STR when the arena is spent. */
str imap_pattern_join(str reference, str pattern, struct arena *a);

/* Whether the whole name matches. INBOX as the name's first level matches in any case. The time grows with the product
 * of the two lengths, never faster; a pattern longer than IMAP_MAILBOX_MAX matches nothing. */
bool imap_pattern_matches(str pattern, str name, char separator);
