/* SPDX-License-Identifier: Apache-2.0 */
/* How a line announces a literal: "{5}", or "{5+}" where the client does not wait (RFC 3501 4.3, RFC 7888 3). */
#pragma once
#include "base/str.h"

struct imap_literal {
	uint64_t size;   /* bytes that follow the line's CRLF */
	bool is_waiting; /* the client sends them only after "+" */
	bool is_binary;  /* "~{5}", RFC 3516 4.2: reserved, imap_string refuses it */
	size_t at;       /* where the announcement begins in the line */
};

/* Looks at the end of a line without its CRLF, as RFC 7888 3 asks: whatever the rest of the line is worth, the bytes
 * after an announcement belong to it. ERR_ABSENT: it announces nothing. ERR_LIMIT: it does, but the number does not
 * fit 63 bits; nothing sensible can follow. */
err imap_literal_at_end(str line, struct imap_literal *out);
