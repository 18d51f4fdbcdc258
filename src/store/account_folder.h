/* SPDX-License-Identifier: Apache-2.0 */
/* An open folder: the rows of its messages in memory, shared by all sessions that look at it. Sessions number messages as
 * they were last told; here messages have UIDs only. Whoever wants to know what has changed compares folder_version() and
 * reads the rows again. */
#pragma once
#include "store/account.h"

struct folder;

struct message {
	uint32_t uid, size;
	uint32_t changer; /* who changed its flags last: a number given by the caller of folder_flag() */
	uint16_t flags;   /* enum imap_flag without \Recent */
	int16_t zone_minutes;
	uint64_t keywords; /* bits of folder_keywords() */
	uint64_t modseq;
	int64_t seconds; /* internal date */
	int64_t id;      /* for account_parts() and account_read() */
};

/* Wakes a session that waits for changes. The caller owns it. */
struct folder_watch {
	struct folder_watch *next;
	int fd; /* an eventfd */
	bool is_armed;
};

/* ERR_ABSENT: no such folder, or only a container. is_writer: it takes over what is \Recent, into *recent_from: messages
 * with at least this UID are recent to this session only. */
err folder_open(struct account *a, str name, bool is_writer, struct folder **out, uint32_t *recent_from);
/* Accepts NULL behind the pointer. */
void folder_close(struct folder **f);
struct account *folder_account(const struct folder *f);

/* Grows with every change. */
uint64_t folder_version(const struct folder *f);
void folder_status(struct folder *f, struct folder_status *out); /* without name */
bool folder_is_deleted(const struct folder *f);
/* A session that is told of new messages takes over what is \Recent among them. */
uint32_t folder_take_recent(struct folder *f);
/* Rows with UIDs above `after` in their order, at most room; returns how many. */
size_t folder_rows(struct folder *f, uint32_t after, struct message *rows, size_t room);
/* The rows of these ascending UIDs, in the same order; those that are gone are left out. Returns how many. */
size_t folder_find(struct folder *f, const uint32_t *uids, size_t count, struct message *rows);
/* UIDs of messages with these flags, ascending, at most room, above `after`. */
size_t folder_flagged(struct folder *f, unsigned flags, uint32_t after, uint32_t *uids, size_t room);
/* The UID of the first message that is not \Seen, or 0. */
uint32_t folder_first_unseen(struct folder *f);

/* Keyword names by bit, copied into the arena; p NULL where a bit is free. *version grows when they change. */
err folder_keywords(struct folder *f, struct arena *arena, str names[FOLDER_KEYWORDS_MAX], unsigned *version);
unsigned folder_keywords_version(const struct folder *f);

enum flag_change { FLAGS_REPLACE, FLAGS_ADD, FLAGS_REMOVE };
struct flag_order {
	enum flag_change change;
	unsigned flags;
	const str *keywords;
	size_t keyword_count;
	uint32_t changer;
};
/* Changes the flags of these ascending UIDs. ERR_LIMIT: too many keywords in the folder. */
err folder_flag(struct folder *f, const uint32_t *uids, size_t count, const struct flag_order *order);
/* Removes these ascending UIDs for good; those that are gone already are no failure. */
err folder_expunge(struct folder *f, const uint32_t *uids, size_t count);
/* Copies or moves these ascending UIDs, all that there are or none. *first is the UID of the first copy, the others follow it;
 * *copied says how many there were, and `from` (room for count) which. ERR_ABSENT: no such folder. ERR_STATE: with FOLDER_WHOLE,
 * one of them is gone. */
enum folder_copy_how { FOLDER_MOVE = 1 << 0, FOLDER_WHOLE = 1 << 1 };
struct copy_result {
	uint32_t uidvalidity, first;
	size_t copied;
	uint32_t *from;
};
err folder_copy(struct folder *f, const uint32_t *uids, size_t count, str to, unsigned how, struct copy_result *out);

/* The watch is signalled when the folder changes while it is armed. */
void folder_watch(struct folder *f, struct folder_watch *w);
void folder_unwatch(struct folder *f, struct folder_watch *w);
/* Arms it and says whether the version is still the one given; if not, nothing was armed. */
bool folder_arm(struct folder *f, struct folder_watch *w, uint64_t version);
