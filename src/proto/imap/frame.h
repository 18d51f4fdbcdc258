/* SPDX-License-Identifier: Apache-2.0 */
/* From lines to commands. The session reads a line, the frame says what to do next: there is a command; or first read
 * so many bytes, saying "+ go ahead" before; or there is an APPEND whose message is to be streamed past. A command is
 * one text in the form of the wire, in which a literal stands as "{5}\r\n" and its bytes; the parsers read it so.
 *
 *	struct imap_frame frame = { .arena = a, .command_max = IMAP_COMMAND_MAX, .unasked_max = IMAP_COMMAND_MAX };
 *	for (;;) {
 *		read a line;                       without CRLF; at most IMAP_LINE_MAX bytes
 *		TRY(imap_frame_line(&frame, line, &step));
 *		switch (step.kind) …
 *	}
 *
 * Lines that belong to a running command (an answer to AUTHENTICATE, DONE, what follows an APPEND's message) do not
 * pass through here. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "proto/imap/literal.h"

enum {
	IMAP_LINE_MAX = 64 << 10,          /* for a mailbox: clients send long sets, RFC 2683 3.2.1.5 */
	IMAP_LINE_MAX_FRESH = 8 << 10,     /* before the login */
	IMAP_COMMAND_MAX = 96 << 10,       /* a command with all its lines and literals, but an APPEND's message */
	IMAP_COMMAND_MAX_FRESH = 16 << 10, /* before the login */
	IMAP_UNASKED_MAX = 4096,           /* literals sent unasked before the login; the figure of RFC 7888 5 */
	IMAP_ARENA_MAX = 512 << 10,        /* budget of a command's arena: the command and all that is parsed from it */
	IMAP_ARENA_MAX_FRESH = 64 << 10,   /* before the login */
};

struct imap_frame {
	struct arena *arena; /* of the command: reset by the session when a command has been answered */
	size_t command_max;  /* bytes kept for one command */
	size_t unasked_max;  /* largest literal taken from a client that did not wait; at most command_max */
	/* Whether the command's last literal, just announced, is to be streamed past memory. NULL: none is, before the
	 * login; imap_append_is_ready for a mailbox. */
	bool (*is_streamed)(str text, struct arena *a);

	/* The frame's own. */
	struct buf text;
	bool is_refused;
};

enum imap_frame_kind {
	IMAP_FRAME_COMMAND, /* text is a whole command */
	IMAP_FRAME_LITERAL, /* if literal.is_waiting say "+ ", then read literal.size bytes to into and go on with a line */
	/* text is an APPEND up to the announcement of its message. Either take it: if literal.is_waiting say "+ ", read
	 * literal.size bytes and a last line, which is empty. Or answer NO or BAD; where the client does not wait,
	 * imap_frame_refuse(), forget literal.size bytes and go on with lines until IMAP_FRAME_REFUSED comes. */
	IMAP_FRAME_APPEND,
	IMAP_FRAME_SKIP,    /* read literal.size bytes, forget them, go on with a line; too many: hang up */
	IMAP_FRAME_REFUSED, /* the command was too large; text is its start: answer its tag with NO [TOOBIG] */
};

struct imap_frame_step {
	enum imap_frame_kind kind;
	str text;                    /* COMMAND, APPEND, REFUSED; lives as long as the line and the arena */
	struct imap_literal literal; /* LITERAL, APPEND, SKIP */
	char *into;                  /* LITERAL */
};

/* Takes the next line, without its CRLF. After COMMAND, APPEND and REFUSED the frame is ready for a new command.
 * ERR_LIMIT: a literal of an impossible size; ERR_MEMORY: the arena is spent. Both: hang up, for the client's bytes can
 * no longer be told apart. */
err imap_frame_line(struct imap_frame *f, str line, struct imap_frame_step *out);

/* What is left of the command that came with IMAP_FRAME_APPEND is to be skipped; the REFUSED that ends it has no text,
 * and the session knows its answer already. */
void imap_frame_refuse(struct imap_frame *f);
