/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the server's own services, for `siegel check --live`: one connection, one line at a time, each with a
 * deadline. What went wrong is said in words for a person. */
#pragma once
#include "base/address.h"
#include "base/buf.h"
#include "os/io.h"
#include "tls/client.h"

enum { DIAL_LINE_MAX = 64 << 10, DIAL_TEXT_MAX = 512, DIAL_WHY_MAX = 300 };

struct dial {
	struct io *io;                     /* NULL: not connected */
	struct tls *tls;                   /* belongs to io */
	int code;                          /* of the last SMTP reply; 0: the connection is over */
	char text[DIAL_TEXT_MAX];          /* of its last line */
	bool offers_starttls, offers_auth; /* what the last EHLO got */
	char why[DIAL_WHY_MAX];            /* of the last failure */
};

/* Whom to connect to. */
struct dial_to {
	struct address address;
	const char *hostname; /* that its certificate is for */
	struct tls_client *trust;
};

/* Plain, or with TLS from the start. */
bool dial_open(struct dial *d, const struct dial_to *to, uint16_t port, bool with_tls);
bool dial_start_tls(struct dial *d, const struct dial_to *to);
void dial_close(struct dial *d);

/* One SMTP command, without its CRLF, and its reply: the code, 0 when the connection is over. */
int smtp_say(struct dial *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The reply to what was put before. */
int smtp_reply(struct dial *d);
/* Greeting and EHLO (LHLO); true when both are as they should be. */
bool smtp_begin(struct dial *d, const char *hello);
/* STARTTLS and another EHLO. */
bool smtp_start_tls(struct dial *d, const struct dial_to *to);

/* One IMAP command; gives each answer line to line() until its own; true: OK. A literal is read into the room given, cut
 * where it is longer. */
struct imap_answer {
	struct buf literal;
	uint32_t found; /* the last number of a SEARCH line; 0: none */
};
bool imap_say(struct dial *d, struct imap_answer *answer, const char *command);
