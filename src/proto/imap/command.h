/* SPDX-License-Identifier: Apache-2.0 */
/* The outer form of a command: a tag, a name, arguments (RFC 3501 2.2.1). Which commands there are stands in
 * command.def. The arguments are read by the header of their own grammar, always in the same way:
 *
 *	struct cur c = cur_of(command.args);
 *	err e = imap_fetch_parse(&c, arena, &fetch);
 *
 * Such a function reads all of its arguments and fails where anything follows them. Its result consists of views of
 * the command's text and of memory from the arena: it lives as long as both. After a failure c.expected is a few
 * printable words for the answer ("a message data item"). ERR_SYNTAX, ERR_LIMIT: BAD. ERR_UNSUPPORTED: where a header
 * names it. ERR_MEMORY: the arena is spent, NO [LIMIT]. */
#pragma once
#include "base/cur.h"

/* The states of RFC 3501 3. */
enum imap_state {
	IMAP_FRESH = 1 << 0,
	IMAP_AUTH = 1 << 1,
	IMAP_SELECTED = 1 << 2,
	IMAP_ANY = IMAP_FRESH | IMAP_AUTH | IMAP_SELECTED,
};

/* The grammars of arguments; several commands may share one. */
enum imap_args {
	IMAP_ARGS_NONE,         /* cur_end() */
	IMAP_ARGS_ID,           /* id.h */
	IMAP_ARGS_AUTHENTICATE, /* login.h */
	IMAP_ARGS_LOGIN,        /* login.h */
	IMAP_ARGS_ENABLE,       /* enable.h */
	IMAP_ARGS_MAILBOX,      /* mailbox.h: imap_one_mailbox_parse */
	IMAP_ARGS_RENAME,       /* mailbox.h: imap_rename_parse */
	IMAP_ARGS_CREATE,       /* create.h */
	IMAP_ARGS_LIST,         /* list.h */
	IMAP_ARGS_LSUB,         /* list.h */
	IMAP_ARGS_STATUS,       /* status.h */
	IMAP_ARGS_APPEND,       /* append.h */
	IMAP_ARGS_SEARCH,       /* search.h */
	IMAP_ARGS_FETCH,        /* fetch.h */
	IMAP_ARGS_STORE,        /* store.h */
	IMAP_ARGS_COPY,         /* copy.h */
	IMAP_ARGS_EXPUNGE,      /* nothing, cur_end(); after UID a set, copy.h: imap_one_set_parse */
};

enum imap_command_id {
	IMAP_UNKNOWN,
#define IMAP_COMMAND(name, args, states, uid, source) IMAP_##name,
#include "proto/imap/command.def"
#undef IMAP_COMMAND
	IMAP_COMMANDS
};

struct imap_command_row {
	str name;
	enum imap_args args;
	unsigned states; /* a set of enum imap_state */
	bool has_uid;
	const char *source;
};

/* One row per id; the row of IMAP_UNKNOWN has no name and no states. */
extern const struct imap_command_row imap_commands[IMAP_COMMANDS];

struct imap_command {
	str tag;
	enum imap_command_id id; /* IMAP_UNKNOWN: no such command, or no such command with UID */
	bool uid;                /* it began with "UID " */
	str name;                /* as it was written, without UID; for the log */
	str args;                /* what follows the name and its space; with n == 0 and p == NULL, nothing did */
};

enum { IMAP_TAG_MAX = 64 };

/* Splits a command as imap_frame hands it over, or only its first line. ERR_SYNTAX: there is no usable tag and name,
 * the answer is an untagged BAD ("* BAD"). ERR_LIMIT: the tag is longer than IMAP_TAG_MAX, likewise. A name that nobody
 * knows is not a failure here, since its answer needs the tag. */
err imap_command_parse(str text, struct imap_command *out);
