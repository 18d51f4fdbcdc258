/* SPDX-License-Identifier: Apache-2.0 */
/* The spool: queue.db and, beside it, a file for each large body. It lies in the current folder, which nobody else may
 * read, and belongs to one thread of one process.
 *
 * A message has a number of 128 bits, by which all other roles know it, and an id, which rises with every message and is
 * known here only. Nothing is durable before spool_commit(). Failures are those of store/sql.h. */
#pragma once
#include "base/arena.h"
#include "base/log.h"
#include "base/str.h"

struct spool;

/* The largest body that stands in the database: what is longer costs less as a file of its own. */
enum { SPOOL_INLINE_MAX = 128 << 10 };
enum { SPOOL_NUMBER = 16 };

/* Stored: never renumber. */
enum spool_flag {
	SPOOL_UTF8 = 1 << 0,
	SPOOL_SPAM = 1 << 1,
	SPOOL_FILE = 1 << 2,
	SPOOL_RETURN_PATH =
		1 << 3, /* the body begins with that field, for mailboxes, not for other servers: RFC 5321 4.4 */
	SPOOL_REQUIRETLS = 1 << 4,
	SPOOL_TLS_OPTIONAL = 1 << 5,
	SPOOL_AUTOMATIC = 1 << 6, /* Auto-Submitted, a list's: never causes a notice */
	SPOOL_GERMAN = 1 << 7,    /* notices to its sender are in German; otherwise English */
	SPOOL_OWN = 1 << 8,       /* of this server itself: an alarm, a notice */
	SPOOL_INSIDE = 1 << 9, /* its sender has no account here, but a mailbox on an inner server: notices go there */
};

/* Stored: never renumber. */
enum spool_state {
	SPOOL_WAITING = 0,  /* for the mailbox of its account */
	SPOOL_DEFERRED = 1, /* the same, after a failed attempt: waits until due */
	SPOOL_HELD = 2,     /* an administrator holds it, or must look at it */
	SPOOL_REMOTE = 3,   /* for another server */
	SPOOL_BRAKED = 4,   /* the same, of an account that sends too much: waits for a person */
	SPOOL_STATES
};

struct spool_message {
	int64_t id;
	uint8_t number[SPOOL_NUMBER];
	str sender;
	uint32_t account; /* who submitted it; 0: nobody logged in */
	uint32_t local;   /* or the number of a local user, plus 1; 0: no local user */
	int64_t received; /* milliseconds UTC */
	uint64_t size;
	unsigned flags;
	unsigned body, ret; /* as in MAIL: BODY=, RET= */
	bool has_checksum;  /* not, where an older version took it in */
	uint32_t checksum;  /* of the body: base/checksum.h */
	str envid;
};

struct spool_recipient {
	unsigned position; /* in the envelope: with the number the name of this delivery */
	uint32_t account;  /* 0: elsewhere */
	str domain;        /* where elsewhere */
	str address, detail;
	unsigned notify;
	str orcpt;
	enum spool_state state;
	unsigned attempts;
	int64_t due;       /* milliseconds UTC */
	str reason;        /* of the last failed attempt */
	unsigned priority; /* SPOOL_REMOTE: the lower first */
	bool is_inner;     /* SPOOL_REMOTE: its domain is ours, its mailbox on an inner server */
	uint32_t forward;  /* by which it is sent there or came back; 0: none */
	uint32_t
		keeper; /* forwarded: the account that gets it when it cannot leave; 0: somebody has it. Otherwise, from a
			    * local user: the account that notices go to; 0: nobody */
	str sender;     /* forwarded: the sender that it leaves with */
	/* Of the envelope, before it is stored: */
	str mark;                  /* in the header, by which it is known when it comes again */
	bool is_alone, is_consent; /* see ipc/directory_queue.def */
};

/* Opens queue.db or makes it, after an unclean end with a look whether it is sound. A damaged one is renamed to
 * damaged-<date>.db and a new one made in its place: *damaged tells. ids begin above least.
 * ERR_UNSUPPORTED: made by a newer version. */
err spool_open(int64_t least, struct spool **out, bool *damaged);
/* Removes bodies without a row, unless a damaged store lies beside: they may then be all that is left of a message. Only
 * before the first message comes in: its body has no row yet either. */
err spool_sweep(struct spool *spool);
/* Accepts NULL behind the pointer, leaves it there. */
void spool_close(struct spool **spool);
/* Closes queue.db, sets it aside as damaged-<date>.db and opens a new one, whose ids go on. */
err spool_set_aside(struct spool **spool);
/* The highest id given so far. */
int64_t spool_last_id(const struct spool *spool);
/* The database's own words about the last failure. */
const char *spool_complaint(const struct spool *spool);

err spool_begin(struct spool *spool);
err spool_commit(struct spool *spool);
void spool_rollback(struct spool *spool);
/* Moves the write-ahead log into the file when it has grown, or, while nobody waits, a little of it already. */
err spool_tidy(struct spool *spool, bool is_quiet);
/* Whether that would do anything. */
bool spool_is_untidy(const struct spool *spool, bool is_quiet);
/* Makes the log a piece longer beforehand, where the disk has much room. *more: it is not yet as long as it may get. Errors
 * are those of sql_fill_log(). */
err spool_fill_log(struct spool *spool, bool *more);
/* Gives back memory that is only kept for speed. */
void spool_slim(struct spool *spool);

/* Gives the message its id, and a checksum unless it has one or is a file. bytes: its body, unless SPOOL_FILE.
 * ERR_EXISTS: the number is taken, nothing was changed. */
err spool_add(struct spool *spool, struct spool_message *m, str bytes);
/* The same for a message out of a damaged spool, which keeps its id where that is free. */
err spool_add_again(struct spool *spool, struct spool_message *m, str bytes);
/* Before anything is done by its id: a message that was known before this file was opened may have another one now.
 * ERR_ABSENT: it is not here, but may still come out of a damaged spool. One that is nowhere gets an id that no row has. */
err spool_locate(struct spool *spool, struct spool_message *m);
err spool_add_recipient(struct spool *spool, int64_t message, const struct spool_recipient *r);

/* Calls row() for each; strings are valid during the call, which may not use the spool. A failure of row() ends it. */
struct spool_account_rows {
	err (*row)(void *to, uint32_t account, uint64_t count);
	void *to;
};
struct spool_delivery_rows {
	err (*row)(void *to, const struct spool_message *m, const struct spool_recipient *r);
	void *to;
};
struct spool_message_rows {
	err (*row)(void *to, const struct spool_message *m);
	void *to;
};
/* Accounts with mail waiting, and how much. */
err spool_accounts(struct spool *spool, const struct spool_account_rows *rows);
/* What waits for an account behind a position, in the order of its coming, at most so many. */
err spool_waiting(struct spool *spool, uint32_t account, int64_t message, unsigned position, unsigned most,
	const struct spool_delivery_rows *rows);
/* Whether this is the body that came in, as far as size and checksum tell. */
bool spool_is_sound(const struct spool_message *m, str body);
/* The body from the database, copied. ERR_ABSENT. The caller looks whether it is sound. */
err spool_body(struct spool *spool, int64_t message, struct arena *a, str *out);

/* The delivery is done. *last: the message went with it; its file, if it has one, is to be removed after the commit. */
err spool_remove(struct spool *spool, int64_t message, unsigned position, bool *last);
/* The delivery did not work and waits until due. */
err spool_defer(struct spool *spool, int64_t message, unsigned position, int64_t due, str reason);
/* When the next deferred delivery is due, milliseconds UTC; INT64_MAX: there is none. May be earlier than the truth. */
int64_t spool_due(const struct spool *spool);
/* Makes those due now wait again; tells their accounts, with a count of 0. */
err spool_release(struct spool *spool, int64_t now, const struct spool_account_rows *rows);

/* What an administrator wants of one recipient; *changed tells whether it was in a state for that. due: milliseconds UTC. */
err spool_hold(struct spool *spool, int64_t message, unsigned position, bool *changed);
err spool_let_go(struct spool *spool, int64_t message, unsigned position, int64_t due, bool *changed);
err spool_retry(struct spool *spool, int64_t message, unsigned position, int64_t due, bool *changed);

/* What is SPOOL_BRAKED of an account goes on. */
err spool_unbrake(struct spool *spool, uint32_t account, int64_t due);

/* Messages behind an id, at most so many. */
err spool_messages(struct spool *spool, int64_t after, unsigned most, const struct spool_message_rows *rows);
/* ERR_ABSENT. The strings are copied. */
err spool_find(struct spool *spool, const uint8_t number[SPOOL_NUMBER], struct arena *a, struct spool_message *out);
/* All recipients of a message, in the arena. After ERR_DAMAGED *out and *count hold those that could be read. */
err spool_recipients(
	struct spool *spool, int64_t message, struct arena *a, struct spool_recipient **out, size_t *count);
