/* SPDX-License-Identifier: Apache-2.0 */
/* An IMAP session before login. */
#pragma once
#include "proto/imap/command.h"
#include "proto/imap/frame.h"
#include "role/greeter/greeter.h"

enum { ERRORS_MAX = 10, DIRECTORY_PATIENCE_MS = 30000 };

struct session {
	struct greeter *greeter;
	struct visitor *visitor;
	struct io *io; /* NULL: handed on */
	struct arena *arena, *command_arena;
	struct desk *desk;
	struct channel directory; /* fd -1: not asked yet */
	int directory_end;        /* its far end, until `directory` has it */
	struct log log;
	bool plain_allowed; /* a login without TLS: only from this very machine */
	bool ended;
	unsigned errors;
	char client[64];
	size_t client_length;
};

/* The capabilities of this moment, without brackets. */
void session_capabilities(const struct session *s, struct buf *to);

/* Answers. A BAD counts as a mistake. */
void answer(struct session *s, str tag, const char *status, const char *text);
void answer_bad(struct session *s, str tag, const char *text);

/* LOGIN and AUTHENTICATE: ask `directory`, and on success hand the session on. */
void command_login(struct session *s, const struct imap_command *c);
void command_authenticate(struct session *s, const struct imap_command *c);
/* Whatever was asked is forgotten. */
void close_directory(struct session *s);
/* STARTTLS: gives the connection back to `frontdoor`. */
void command_starttls(struct session *s, const struct imap_command *c);

/* Sends the session, whose owner logged in with this ticket, to `mailroom`. */
void session_enter(struct session *s, str tag, str ticket);
