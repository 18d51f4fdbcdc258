/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks of BDAT. RFC 3030 2. */
#pragma once
#include "base/str.h"

struct smtp_bdat {
	uint64_t left; /* octets of this chunk that have not come yet */
	uint64_t size; /* octets of all chunks announced so far */
	bool last;
};

/* "86", "86 LAST": begins the next chunk of *b (all zero for the first one). ERR_SYNTAX; ERR_STATE: the last chunk was
 * announced already, or the one before has not come to its end; ERR_LIMIT: no such size. *b is unchanged on failure,
 * except that an unreadable size leaves no way to go on: hang up. */
err smtp_bdat_next(struct smtp_bdat *b, str argument);
/* Takes off the input what belongs to this chunk; empty when nothing does. */
str smtp_bdat_take(struct smtp_bdat *b, str *input);

static inline bool smtp_bdat_is_complete(const struct smtp_bdat *b) { return b->last && b->left == 0; }
