/* SPDX-License-Identifier: Apache-2.0 */
/* An IMAP session after its login: a thread that reads a command, runs it, tells what has changed in the selected mailbox,
 * and answers. Each command is a function in a file of its own; it answers nothing with its tag itself but returns what
 * is to be answered. */
#pragma once
#include "os/io.h"
#include "proto/imap/command.h"
#include "proto/imap/create.h"
#include "proto/imap/flag.h"
#include "proto/imap/mailbox.h"
#include "proto/imap/sequence.h"
#include "role/mailbox/imap/view.h"
#include "role/mailbox/mailbox.h"

struct imap_session {
	struct session_seat *seat;
	struct mailbox *mailbox;
	struct account *account;
	struct io *io;
	struct arena *arena;   /* as long as the session */
	struct arena *command; /* as long as a command */
	struct log log;
	struct view view; /* of the selected mailbox */
	uint32_t number;  /* among the sessions of this process: who changed a flag */
	unsigned errors;
	bool has_ended;
};

/* The answer that ends a command. */
struct reply {
	const char *status; /* OK, NO, BAD */
	str text;           /* with its response code */
};
#define REPLY_OK(text) ((struct reply){ "OK", S(text) })
#define REPLY_NO(text) ((struct reply){ "NO", S(text) })
#define REPLY_BAD(text) ((struct reply){ "BAD", S(text) })

/* NO for a failure of the store, with the code of RFC 5530; ends the process where it must. */
struct reply reply_failed(struct imap_session *s, err e);
/* BAD, or NO [LIMIT], for arguments that were not understood. */
struct reply reply_bad(struct imap_session *s, err e, const struct cur *c);
/* After something that a client may rely on for good. */
struct reply reply_synced(struct imap_session *s, struct reply r);
/* OK with text made by the caller in the command's arena. */
struct reply reply_text(const struct buf *b);

/* Whether the account would hold more than it may, with so many bytes more. */
bool session_is_over_quota(const struct imap_session *s, uint64_t size);

/* Everything that a session may write without making progress in reading gets this long. */
void session_patience(struct imap_session *s);
void session_capabilities(struct buf *b);

typedef struct reply imap_run(struct imap_session *s, const struct imap_command *c);
imap_run command_capability, command_noop, command_logout, command_id, command_enable, command_namespace, command_check;
imap_run command_select, command_close, command_unselect;
imap_run command_create, command_delete, command_rename, command_subscribe;
imap_run command_list, command_status, command_idle;
imap_run command_expunge, command_search, command_fetch, command_store, command_copy;

/* APPEND is run before its message has been read. ERR_…: the connection is of no further use. *answered is false if the
 * message was refused unread and the client does not wait: the rest is to be skipped. */
struct imap_frame_step;
err session_append(struct imap_session *s, const struct imap_frame_step *step, struct reply *out, bool *was_read);
