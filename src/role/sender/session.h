/* SPDX-License-Identifier: Apache-2.0 */
/* One connection's dialogue, in its thread: straight lines, each wait with a deadline (RFC 5321 4.5.3.2).
 *
 *     session.c       greeting, EHLO, STARTTLS, AUTH; one message after the other; QUIT
 *     transaction.c   one message: MAIL, RCPT, the end
 *     content.c       its body: DATA or BDAT, and 7 bits where the server wants them
 *     ask.c           no message: would it take one? */
#pragma once
#include "proto/smtp/offer.h"
#include "proto/smtp/reply.h"
#include "role/sender/callout.h"
#include "role/sender/sender.h"

enum { REPLY_ROOM = 4096, LINE_ROOM = 2048, HELO_MAX = 100 /* sender_ledger.def */ };

struct session {
	struct connection *c;
	struct sender *sender;
	const struct conf_sender *conf;
	struct conf_sender hasty;  /* conf of one that asks */
	const struct route *route; /* or NULL */
	const struct host *host;
	struct log log;
	struct io *io;
	struct arena *arena; /* for the message at hand */
	bool lmtp, esmtp;
	bool over; /* the connection is of no further use */
	const char *tls_version, *tls_cipher;
	bool proved;
	struct security security;
	struct smtp_offer offer;
	unsigned messages;
	bool waited; /* for mail: the server may have hung up meanwhile */
	struct smtp_reply_reader reader;
	struct smtp_reply reply; /* the latest; its text stands in room */
	char room[REPLY_ROOM];
	char client[64]; /* the server's address, for the log */
	char helo_room[HELO_MAX];
	str helo; /* what the server calls itself */
};

static inline bool offers(const struct session *s, enum smtp_extension which) { return smtp_offers(&s->offer, which); }

/* Reads one reply, within so many seconds. A failure that is not one of the connection's own (ERR_TIMEOUT, ERR_CLOSED) is
 * the server's: it does not speak SMTP. The session is over after any. */
err reply_read(struct session *s, uint64_t seconds);
/* Says a line and reads the reply. */
err command(struct session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds a line to what will be sent. */
void line_put(struct session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Names the server as the one who said it. */
void failure_set_host(struct failure *f, const struct session *s);
/* What a failure of the connection means, in the words of an outcome. */
void failure_of_error(struct failure *f, const struct session *s, err e, const char *when);
/* The same for the latest reply. */
enum stage { AT_GREETING, AT_LOGIN, AT_MAIL, AT_RCPT, AT_DATA, AT_END };
void failure_of_reply(struct failure *f, const struct session *s, enum stage stage);

/* What a reply to RCPT, or to the MAIL before it, says of the recipient. judge.c */
enum callout_answer callout_judge(const struct smtp_reply *r, enum stage stage);
/* "1.1" for 5.1.1 and 4.1.1; "1." for all that begin so. */
bool reply_subject_is(const struct smtp_reply *r, const char *text);
/* Asks the question; it is answered then. False: as transaction_run(). */
bool callout_run(struct session *s, struct job *j);

/* Sends one message; all its targets are answered then. False: a connection that had carried mail before was found closed,
 * and nothing was done. */
bool transaction_run(struct session *s, struct job *j);

/* Sends the body of a message, by BDAT or behind a 354, up to and with its end; the reply is still to be read.
 * ERR_UNSUPPORTED: it cannot be put into a form that the server takes, and nothing was sent; ERR_DAMAGED, ERR_MEMORY: the
 * body could not be read, and the session is over if something was sent. */
struct content {
	const struct job *job;
	bool eight_bit; /* has 8-bit text, or may have: it was said of it */
	bool converts;  /* to 7 bits */
	uint64_t size;  /* what BDAT says */
};
err content_prepare(struct session *s, const struct job *j, struct content *out);
err content_send(struct session *s, const struct content *content, bool bdat);
