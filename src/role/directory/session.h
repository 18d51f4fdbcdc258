/* SPDX-License-Identifier: Apache-2.0 */
/* One session of `receiver` or `greeter`: who its client is, its login, its transaction. After `client` the other end asks
 * one thing at a time and waits for the answer; who asks before it came is cut off. */
#pragma once
#include "role/directory/role.h"
#include "role/directory/sasl.h"

#define CONVERSATION "ipc/receiver_directory.def"
#include "ipc/conversation.h"

enum {
	SESSION_BUDGET = 64 << 10,
	TRANSACTION_BUDGET = 4 << 20,
	TRANSACTION_ID = 16,
	TRANSACTION_RECIPIENTS_MAX = 4000,
	VERDICTS_ROOM = 40000,
	SESSION_FORWARDS_MAX = 200, /* of one message: their marks fit into its header */
};

enum auth_state {
	AUTH_NONE,
	AUTH_PLAIN,    /* the message is to come */
	AUTH_LOGIN,    /* the login is to come */
	AUTH_PASSWORD, /* of LOGIN */
	AUTH_HASHING,
	AUTH_DELAYED, /* refused, but the client does not know yet */
};

struct auth {
	enum auth_state state;
	char login[SASL_LOGIN_MAX], password[SASL_PASSWORD_MAX];
	size_t login_n, password_n;
	char hash[DIRECTORY_HASH_MAX + 1]; /* that is being compared */
	uint32_t account;                  /* 0: nobody has this login */
	uint32_t job;
	struct loop_timer timer;
	bool blocked; /* refused without looking */
};

struct recipient {
	struct recipient *next;
	uint32_t account;   /* 0: elsewhere, */
	bool is_inner;      /* or in a domain of ours whose mailboxes are on an inner server */
	const str *address; /* as the client named it; shared by all behind an alias */
	str detail, orcpt;
	uint8_t notify;
	/* see directory_queue.def; but for the keeper they are of a forward, sender and mark absent otherwise */
	uint32_t forward, keeper;
	bool is_alone, is_consent;
	str sender, mark;
};

/* From MAIL to DATA. */
struct transaction {
	bool is_open;
	uint8_t id[TRANSACTION_ID];
	str sender, envid;
	uint64_t size, size_max;
	uint64_t inner_max; /* of the inner servers of its recipients; 0: no bound */
	bool utf8, requires_tls;
	bool held; /* what goes elsewhere waits for a person */
	uint8_t body, ret;
	struct recipient *first, **end;
	size_t count;       /* of recipients */
	size_t forwards;    /* those of them that are forwarded */
	size_t named_count; /* of RCPT commands that were granted */
	uint16_t *table;    /* of recipients, by account and detail; NULL while they are few */
	struct recipient **by_number;
};

struct session {
	struct directory_role *role;
	struct arena *arena; /* which holds the session itself */
	struct session *next, *before;
	enum link_kind kind;
	struct buf verdicts; /* while questions are being answered */
	struct pause *pause; /* NULL: no inner server was asked for the group at hand */
	struct channel channel;
	struct hear_counts heard;
	struct loop_watch watch;
	struct log log;
	char name[32];
	bool has_client;
	struct address client; /* all zeros where the client is a local user */
	uint32_t user;         /* of LINK_LOCAL */
	uint32_t account;      /* who has logged in; 0: nobody */
	str login;
	unsigned failures;
	struct auth *auth; /* NULL: nobody tried */
	struct arena *transaction_arena;
	struct transaction transaction;
};

/* Owns fd. */
void session_new(struct directory_role *r, enum link_kind kind, int fd);
void session_free(struct session *s);
void sessions_free(struct directory_role *r);
/* After an answer that did not come from within a message of this session: a failure ends it. */
void session_answered(struct session *s, err e);
/* The client's address as text, in the room. */
str session_client(const struct session *s, struct buf *room);

/* The steps of a login. ERR_STATE, ERR_DENIED: the other end does what it must not. */
err auth_start(struct session *s, const struct msg_auth_start *m);
err auth_response(struct session *s, const struct msg_auth_response *m);
/* The session ends: nobody waits for the answer any more. */
void auth_forget(struct session *s);
/* Is the session between a question about a login and its answer? */
bool auth_is_busy(const struct session *s);

err session_mail(struct session *s, const struct msg_mail *m);
err session_rcpt(struct session *s, const struct msg_rcpt *m);
err session_data(struct session *s);

/* ---- pause.c ---- */

/* Whether an inner server takes a recipient. ERR_AGAIN: it was asked, and the question that needs to know is to wait; then
 * session_pause() is called before anything else. */
err session_ask_inner(struct session *s, const struct callout_question *q, struct inner_verdict *out);
/* Keeps what is still to be decided, beginning with the question that waits. ERR_MEMORY. */
err session_pause(struct session *s, str questions);
/* The group is answered, or nobody waits for the answer any more. */
void session_pause_end(struct session *s);
/* Is a question waiting? */
bool session_is_paused(const struct session *s);

/* ---- session.c ---- */

/* Decides the questions that are left, behind the verdicts that there are. */
err session_go_on(struct session *s, str questions, str verdicts);

/* The answer to a command. */
err session_verdict(struct session *s, uint64_t code, str status, str reason);
err session_refuse_relay(struct session *s);
err session_grant(struct session *s, uint64_t code, str status, str reason);
/* 451, for our own faults: e was or is logged. */
err session_not_now(struct session *s);

/* Adds an account, or with 0 an address elsewhere, to the transaction, unless it is there. ERR_LIMIT: too many. */
err transaction_add(struct session *s, const struct recipient *recipient);
