/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a message on its way out: the opposite of data.h. Dots at the beginning of lines are doubled (RFC 5321
 * 4.5.2), the last line gets its CRLF, and a CR or LF on its own leaves as a blank, so that no server can find two
 * messages, or another header, in what we send (SMTP smuggling). */
#pragma once
#include "base/buf.h"

/* Begin with smtp_outgoing_start(); may be copied. */
struct smtp_outgoing {
	bool stuffs;     /* DATA; not for BDAT */
	bool cr;         /* a CR was taken whose LF may follow */
	bool line_start; /* the next byte begins a line */
};

static inline struct smtp_outgoing smtp_outgoing_start(bool stuffs)
{
	return (struct smtp_outgoing){ .stuffs = stuffs, .line_start = true };
}

/* How much room is enough for what n bytes become, with what was held back. */
static inline size_t smtp_outgoing_room(size_t n) { return 2 * n + 4; }

/* Appends what the bytes become; they may be cut anywhere. out has the room. */
void smtp_outgoing_add(struct smtp_outgoing *o, str bytes, struct buf *out);
/* The end of the message: what was held back, and a CRLF unless one stands there. Not the final dot. */
void smtp_outgoing_end(struct smtp_outgoing *o, struct buf *out);
