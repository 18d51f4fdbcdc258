/* SPDX-License-Identifier: Apache-2.0 */
/* STORE and UID STORE (RFC 3501 6.4.6). */
#pragma once
#include "proto/imap/flag.h"
#include "proto/imap/sequence.h"

enum imap_store_mode { IMAP_STORE_REPLACE, IMAP_STORE_ADD, IMAP_STORE_REMOVE };

struct imap_store {
	struct imap_sequence set;
	enum imap_store_mode mode;
	bool is_silent; /* no FETCH answer for what this command changed itself */
	struct imap_flags flags;
};

err imap_store_parse(struct cur *c, struct arena *a, struct imap_store *out);
