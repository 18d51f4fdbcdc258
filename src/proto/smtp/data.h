/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a message on its way in: finds the end of DATA, removes the dots that RFC 5321 4.5.2 added, and counts.
 *
 * The only line end is CRLF and the only end of data is CRLF "." CRLF. A CR or LF on its own is neither, wherever it
 * stands: it is passed on as it came and reported, and the session refuses the message when its end has come (550
 * 5.6.11). So no two servers can see two different messages in these bytes (SMTP smuggling). */
#pragma once
#include "base/str.h"

enum smtp_data_mark {
	SMTP_DATA_BARE_CR = 1 << 0,
	SMTP_DATA_BARE_LF = 1 << 1,
	SMTP_DATA_EIGHT_BIT = 1 << 2,
	SMTP_DATA_NUL = 1 << 3,
};

struct smtp_data {
	/* For the caller to read. */
	uint64_t size;        /* octets handed out */
	uint64_t lines;       /* line ends */
	uint64_t line_max;    /* longest line in octets, its CRLF not counted; RFC 5321 4.5.3.1.6 allows 998 */
	uint64_t header_size; /* octets up to the empty line and with it; all there are while it has not come */
	unsigned received;    /* Received fields in the header, for RFC 5321 6.3 */
	unsigned marks;       /* enum smtp_data_mark */
	bool ended;           /* the final dot has come */
	/* For data.c. */
	bool stuffed, cr, in_body;
	uint8_t state, start_length, header_marks;
	char start[9];
	uint64_t line;
};

/* DATA; BDAT, where there are no dots and no end to find, only counts. */
struct smtp_data smtp_data_start(void);
struct smtp_data smtp_data_start_binary(void);

/* The marks of the header alone: of a binary message (RFC 3030) only that has lines. */
unsigned smtp_data_header_marks(const struct smtp_data *d);

/* Takes the next stretch of the message off the chunk: *span is a view of the chunk, never empty, as long as it can be.
 * False: the chunk is used up, or the end of data was found (d->ended): what is left in the chunk then is what the
 * client sent behind it. The chunks may be cut anywhere. */
bool smtp_data_next(struct smtp_data *d, str *chunk, str *span);
