/* SPDX-License-Identifier: Apache-2.0 */
/* What a store keeps of a header to sort, thread and list by, so that it need not read the header again. */
#pragma once
#include "base/arena.h"
#include "base/str.h"
#include "proto/mime/date.h"

/* Message identifiers that are kept of References: the first and the last ones. */
enum { MIME_REFERENCES_MAX = 100 };
/* Bytes of one message identifier; longer ones are left out. */
enum { MIME_ID_MAX = 998 };

/* All strings stand in the arena or are views of the header; absent ones have p == NULL. */
struct mime_summary {
	str message_id;  /* without the angle brackets, as the next two */
	str in_reply_to; /* the first one */
	str *references;
	size_t references_count;
	str subject;      /* decoded to UTF-8 */
	str base_subject; /* RFC 5256 2.1, decoded, in upper case of ASCII */
	bool is_reply;    /* something was removed from the subject that says so */
	bool has_date;
	struct mime_date date;
	str from, to, cc; /* the local part of the first mailbox of each (RFC 5256 3) */
};

/* ERR_MEMORY: the arena is spent. */
err mime_summarise(struct arena *a, str header, struct mime_summary *out);
