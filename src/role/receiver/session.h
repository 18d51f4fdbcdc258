/* SPDX-License-Identifier: Apache-2.0 */
/* One SMTP or LMTP session. */
#pragma once
#include "os/io.h"
#include "proto/smtp/bdat.h"
#include "proto/smtp/command.h"
#include "proto/smtp/data.h"
#include "proto/smtp/reply.h"
#include "role/receiver/receiver.h"

#define CONVERSATION "ipc/receiver_directory.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/receiver_queue.def"
#include "ipc/conversation.h"

enum {
	TRANSACTION_BYTES = 16,
	PATIENCE_MS = 60000,
	BODY_ROOM = 56 << 10, /* what one frame to `queue` holds */
	GROUP_MAX = 32,       /* questions asked of `directory` at once */
	GROUP_ROOM = 40000,
};

struct session {
	struct caller *caller;
	const struct conf *conf;
	struct io *io;
	struct arena *arena, *command;
	struct desk *desk, *queue_desk;
	struct channel directory, queue; /* fd -1: not open */
	struct log log;
	const char *tls_version, *tls_cipher;                    /* NULL: no TLS */
	bool lmtp, submission, esmtp, logged_in, over, unusable; /* unusable: not even a last word */
	enum smtp_state at;
	unsigned errors, messages, logins_failed;
	char helo[256];
	size_t helo_length;
	char client[64];
	size_t client_length;
	char session_name[17], message_name[33];
	char login[254];
	size_t login_length;

	struct transaction {
		char id[TRANSACTION_BYTES];
		char recipient[320]; /* the first one */
		size_t recipient_length;
		unsigned recipients;
		bool binary;        /* BODY=BINARYMIME */
		bool utf8, granted; /* granted: `directory` gave the envelope to `queue` */
	} transaction;
	/* A message on its way through. After a failure it is read to its end all the same, and refused there. */
	struct transfer {
		bool open, lost, too_large; /* lost: `queue` cannot be reached */
		bool in_pieces;             /* a part of it is at `queue` */
		struct smtp_data data;
		struct smtp_bdat chunks;
		uint64_t sent;
		size_t held; /* in body */
	} transfer;
	/* MAIL, RCPT and DATA that `directory` was not asked about yet: more of the client's group is still to be read. */
	struct group {
		struct question {
			uint16_t number; /* MSG_mail, MSG_rcpt, MSG_data */
			bool utf8, binary;
			str address;
		} of[GROUP_MAX];
		size_t count;
		bool answering;
		struct arena *arena;
		struct buf questions;
	} group;
	char *body; /* BODY_ROOM bytes, made when the first message comes */
};

/* Asks what is still to be asked and answers it, in order. Whatever else is said to the client comes after it. */
void session_settle(struct session *s);
/* DATA, and what was asked before it. True: the envelope is at `queue`. Otherwise it has been answered. */
bool session_ask_data(struct session *s);

/* Whether a command is allowed here and now. False: it has been answered. */
bool session_may_run(struct session *s, const struct smtp_verb_row *row);
/* Forgets a message of which a part was sent to `queue`. */
void session_drop_body(struct session *s);

/* One reply. 5xx counts as a mistake; too many end the session. */
void reply(struct session *s, int code, const char *enhanced, const char *text);
void replyf(struct session *s, int code, const char *enhanced, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* A verdict of `directory` or `queue`. */
void reply_verdict(struct session *s, uint64_t code, str status, str reason);

/* The only place where a session's state is put back: at RSET, after a message, at EHLO, and (forget_client) at STARTTLS,
 * after which nothing said before counts (RFC 3207 4.2). */
void session_reset(struct session *s, bool forget_client);

/* Opens the channels when they are first needed. */
err session_ask_directory(struct session *s);
err session_ask_queue(struct session *s);
/* `directory` cannot be reached or failed: 451 so many times, and the channel is closed. */
void session_directory_lost(struct session *s, size_t answers);
str session_client(const struct session *s);

/* The commands, by the names of proto/smtp/commands.def. */
typedef void command_fn(struct session *s, str argument);
command_fn command_ehlo, command_helo, command_lhlo, command_mail, command_rcpt, command_data, command_bdat,
	command_rset, command_noop, command_vrfy, command_expn, command_help, command_quit, command_starttls,
	command_auth;
