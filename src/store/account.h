/* SPDX-License-Identifier: Apache-2.0 */
/* An account: its folders and their messages. Protocol code knows nothing else of the store. All functions may be called
 * by any thread; each is one indivisible act, and none holds anything locked when it returns. No act copies more than
 * ACCOUNT_COPY_MAX bytes out, so that nobody waits long for another session.
 *
 * Numbers never go back, not even by a power cut: UIDs, modseqs and UIDVALIDITY are handed out below marks that are on
 * disk, and an account that was not closed goes on from its marks.
 *
 * What is committed survives the end of the process at once and a power cut after account_sync().
 *
 * Errors of all functions that touch the file: those of store/sql.h. After ERR_STORAGE and ERR_DAMAGED the process should
 * end and open the account anew. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum {
	ACCOUNT_COPY_MAX = 64 << 10,
	FOLDER_KEYWORDS_MAX = 64, /* in one folder; unused ones make room */
	FOLDER_NAME_MAX = 1000,   /* bytes of UTF-8 */
	FOLDER_LEVELS_MAX = 32,
	ACCOUNT_EXPUNGES = 10000, /* remembered in a folder, for clients that come back (RFC 7162) */
};

struct account;

struct folder_status {
	int64_t id;
	str name; /* UTF-8, levels separated by '/' */
	uint32_t uidvalidity, uid_next;
	uint32_t messages, unseen, recent;
	uint64_t bytes, modseq;
	unsigned uses; /* RFC 6154, a set of bits as in proto/imap/use.def */
	bool has_children;
	bool is_container; /* holds only children: \Noselect */
};

/* Opens accounts' file in the current folder, or makes it with its first folders: INBOX, Drafts, Sent, Junk, Trash,
 * Archive. message gets the database's words for a failure. */
err account_open(const char *path, unsigned folders_max, struct buf *message, struct account **out);
/* Nobody may use it any more. Accepts NULL behind the pointer. */
void account_close(struct account **a);

/* The database's own words about the last failure, copied; for the log. */
void account_message(struct account *a, struct buf *out);
/* Makes all that was committed before this call durable. Does not wait for other acts. */
err account_sync(struct account *a);
/* Whether something was committed that is not durable yet. */
bool account_is_dirty(const struct account *a);
/* A descriptor (eventfd) that becomes readable when a clean account becomes dirty; the caller reads it. */
int account_dirty_fd(const struct account *a);
/* Moves the log into the file when it has grown. To be called now and then by one thread; everybody else waits meanwhile. */
err account_tidy(struct account *a);
/* Gives back memory that is only kept for speed; for times without sessions. */
void account_slim(struct account *a);
/* Reads the whole file: ERR_DAMAGED if it is not sound. */
err account_check(struct account *a);
/* Bytes and messages in all folders. */
void account_usage(struct account *a, uint64_t *bytes, uint64_t *messages);

/* All folders in the order of their names, in the arena. ERR_MEMORY: it is spent. */
err account_folders(struct account *a, struct arena *arena, struct folder_status **list, size_t *count);
/* name is a view of the argument. ERR_ABSENT. */
err account_folder(struct account *a, str name, struct folder_status *out);
/* The folder of a use: its name in the arena. ERR_ABSENT. */
err account_folder_of_use(struct account *a, struct arena *arena, unsigned use, str *name);
/* Makes the folder and whatever is missing above it (RFC 3501 6.3.3). ERR_EXISTS; ERR_LIMIT: too many folders or levels, or
 * too long a name; ERR_SYNTAX: an empty level; ERR_STATE: one of the uses belongs to another folder (RFC 6154 3). */
err account_create(struct account *a, str name, unsigned uses, uint32_t *uidvalidity);
/* A folder with children loses its messages and becomes a container (RFC 3501 6.3.4). ERR_ABSENT; ERR_DENIED: INBOX;
 * ERR_STATE: a container with children. */
err account_delete(struct account *a, str name);
/* With its children (RFC 3501 6.3.5); INBOX's messages move to a new folder and INBOX stays. ERR_ABSENT, ERR_EXISTS,
 * ERR_LIMIT, ERR_SYNTAX; ERR_DENIED: below itself. */
err account_rename(struct account *a, str from, str to);
/* Names of which no folder need exist. */
err account_subscribe(struct account *a, str name, bool subscribed);
err account_subscriptions(struct account *a, struct arena *arena, str **names, size_t *count);

/* What is made of a message once, when it arrives. */
struct message_parts {
	str envelope, bodystructure, body; /* as IMAP sends them */
	str tree;                          /* mime_parts_pack() */
	uint32_t header_size;
	bool has_date; /* of the Date field */
	int64_t date;
	int16_t date_zone;
	str message_id, in_reply_to, base_subject; /* may be absent */
};

struct new_message {
	str text; /* all of it, with CRLF */
	const struct message_parts *parts;
	unsigned flags;
	const str *keywords;
	size_t keyword_count;
	int64_t seconds; /* of the internal date */
	int16_t zone_minutes;
};

/* A delivery's name, by which it is stored once however often it comes. */
struct delivery_name {
	uint8_t transaction[16];
	uint16_t recipient;
};
struct delivery {
	struct delivery_name name;
	str folder; /* where it is gone INBOX takes its place */
	struct new_message message;
	bool is_known; /* set by account_deliver: it had been stored before */
	uint32_t uid;  /* set by account_deliver, 0 if it is known */
};

/* All of them or none. Not durable before account_sync(). */
err account_deliver(struct account *a, struct delivery *deliveries, size_t count);
/* Whether it has been stored. */
err account_has_taken(struct account *a, const struct delivery_name *name, bool *out);
/* Forgets deliveries older than that (seconds since 1970), some at a time. */
err account_forget_taken(struct account *a, int64_t before);
/* Forgets the oldest expunges of each folder beyond so many (ACCOUNT_EXPUNGES outside of tests), some at a time. */
err account_forget_expunges(struct account *a, unsigned kept);
/* ERR_ABSENT: no such folder. */
err account_append(struct account *a, str folder, const struct new_message *m, uint32_t *uidvalidity, uint32_t *uid);

/* What account_parts() shall read beside the numbers. */
enum parts_wanted {
	PARTS_ENVELOPE = 1 << 0,
	PARTS_BODYSTRUCTURE = 1 << 1,
	PARTS_BODY = 1 << 2,
	PARTS_TREE = 1 << 3,
	PARTS_DATE = 1 << 4,
};
/* The caller sets id. *done says how many were read before ACCOUNT_COPY_MAX was full, at least one; the strings stand in
 * the arena. */
struct parts_read {
	int64_t id;
	bool is_gone;
	str envelope, bodystructure, body, tree;
	uint32_t header_size;
	bool has_date;
	int64_t date;
	int16_t date_zone;
};
err account_parts(
	struct account *a, struct arena *arena, unsigned wanted, struct parts_read *items, size_t count, size_t *done);
/* Between these two nothing that was seen to be there goes away: for reading a message in several acts. */
void account_pin(struct account *a);
void account_unpin(struct account *a);
/* Appends bytes of a message from an offset on, until out is full, ACCOUNT_COPY_MAX was read, or the message or its header
 * ends. header_size is the one from account_parts(). Nothing is appended at the end. ERR_ABSENT: it is gone. */
err account_read(struct account *a, int64_t id, uint32_t header_size, uint64_t at, struct buf *out);
