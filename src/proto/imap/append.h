/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND up to its message (RFC 3501 6.3.11), which never passes through memory as a whole. */
#pragma once
#include "proto/imap/date.h"
#include "proto/imap/flag.h"
#include "proto/imap/literal.h"

struct imap_append {
	str mailbox; /* UTF-8 */
	struct imap_flags flags;
	bool has_date;
	struct imap_datetime date;
	struct imap_literal message; /* at counts in the arguments' text */
};

/* Reads mailbox, flags, date and the announcement of the message, with which the text ends. ERR_AGAIN: the text ends
 * with a literal that is another argument. A message sent as a quoted string, which no grammar has, fails. */
err imap_append_parse(struct cur *c, struct arena *a, struct imap_append *out);

/* For imap_frame: the text is an APPEND, or an attempt at one, and the literal with which it ends is its message. */
bool imap_append_is_ready(str text, struct arena *a);
