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
	uint32_t account;   /* 0: elsewhere */
	const str *address; /* as the client named it; shared by all behind an alias */
	str detail, orcpt;
	uint8_t notify;
};

/* From MAIL to DATA. */
struct transaction {
	bool is_open;
	uint8_t id[TRANSACTION_ID];
	str sender, envid;
	uint64_t size, size_max;
	bool utf8, requires_tls;
	bool held; /* what goes elsewhere waits for a person */
	uint8_t body, ret;
	struct recipient *first, **end;
	size_t count;       /* of recipients */
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

/* The answer to a command. */
err session_verdict(struct session *s, uint64_t code, str status, str reason);
err session_refuse_relay(struct session *s);
err session_grant(struct session *s, uint64_t code, str status, str reason);
/* 451, for our own faults: e was or is logged. */
err session_not_now(struct session *s);

/* Adds an account, or with 0 an address elsewhere, to the transaction, unless it is there. ERR_LIMIT: too many. */
err transaction_add(struct session *s, const struct recipient *recipient);
