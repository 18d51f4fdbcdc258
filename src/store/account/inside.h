/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. One lock guards the connection, the counters and all folders in memory; functions
 * declared here are called with it held. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "store/account.h"
#include "store/account/schema.h"
#include "store/account_folder.h"

struct pack;

enum {
	UID_STEP = 256,     /* UIDs reserved at a time: as many may stay unused after a power cut */
	MODSEQ_STEP = 4096, /* the same for modseqs */
	PIECE_BITS = 16,    /* pieces of a message: 65536 */
	PIECE = 64 << 10,   /* of 64 KiB */
	SWEEP_MOST = 100,
};

struct folder {
	struct folder *next; /* in account.open */
	struct account *account;
	unsigned users;
	struct folder_status status; /* without name */
	uint32_t recent_from, uid_mark;
	struct arena *self;  /* of this struct */
	struct arena *arena; /* of rows, which grow */
	struct message *rows;
	size_t count, room;
	size_t pending; /* rows behind count that are not committed */
	char keywords[FOLDER_KEYWORDS_MAX][64 + 1];
	_Atomic unsigned keywords_version;
	_Atomic uint64_t version;
	atomic_bool is_deleted;
	struct folder_watch *watches;
};

struct account {
	pthread_mutex_t lock;
	struct arena *arena;
	struct sql *sql;
	struct pack *pack;
	struct folder *open; /* folders in memory; those without users are kept for speed */
	unsigned folders_max, folder_count;
	uint64_t bytes, messages;
	uint64_t modseq, modseq_mark;
	uint32_t uidvalidity;
	int64_t next_id; /* of a message's parts: never used twice while the process lives */
	bool is_clean;   /* what the file says */
	bool has_unused; /* there may be parts without references */
	unsigned pins;
	atomic_bool dirty;
	int dirty_fd;

	/* Of the change that is going on. */
	bool must_sync, was_clean;
	uint64_t new_mark;
};

/* A folder as one change sees it, and what the change adds to its numbers. */
struct tally {
	int64_t folder;
	struct folder *image; /* if it is in memory */
	uint32_t uid_next, uid_mark, recent_from;
	uint64_t modseq;
	int64_t messages, unseen, recent, bytes;
};

void account_lock(struct account *a);
void account_unlock(struct account *a);

/* A change is one transaction. change_end commits unless e is a failure, and syncs where a mark was moved. */
err change_begin(struct account *a);
err change_end(struct account *a, err e);
/* A modseq for what this change does. */
err change_modseq(struct account *a, uint64_t *out);
err change_uidvalidity(struct account *a, uint32_t *out);
/* Runs an operation with one number, or two. */
err change_run(struct account *a, enum account_operation operation, int64_t number);
err change_run_two(struct account *a, enum account_operation operation, int64_t first, int64_t second);

err tally_begin(struct account *a, int64_t folder, struct tally *out);
/* The next UID; it is below a mark that will be on disk when the change is. */
err tally_uid(struct tally *t, uint32_t *out);
/* Writes the folder's row. */
err tally_write(struct account *a, const struct tally *t);
/* Inserts a message's row, and a pending one in memory; m lacks UID and modseq. */
err tally_add(struct account *a, struct tally *t, struct message *m);
/* After the commit: into the folder in memory, the account's sums; wakes who waits. After a failure: forgets. */
void tally_publish(struct account *a, const struct tally *t);
void tally_forget(const struct tally *t);

err folder_row(struct sql_statement *st, struct folder_status *out);
err folder_by_name(struct account *a, str name, struct folder_status *out);
struct folder *image_find(struct account *a, int64_t id);
err image_load(struct account *a, const struct folder_status *status, struct folder **out);
/* Room for one more pending row. */
err image_reserve(struct folder *f, size_t rows);
/* The position of that UID or of the first above it. */
size_t image_position(const struct folder *f, uint32_t uid);
/* Removes the rows of these ascending UIDs. */
void image_remove(struct folder *f, const uint32_t *uids, size_t count);
void image_changed(struct folder *f);
/* After a failed change: no pending rows, keywords as the file has them. */
void image_undo(struct account *a, int64_t folder);
void image_drop_unused(struct account *a);
/* The bits of these keywords in the folder, made where they are missing. *made: some were. ERR_LIMIT. */
err image_keywords(struct folder *f, const str *names, size_t count, uint64_t *bits, bool *made);
err image_reload_keywords(struct folder *f);

/* Stores a message's parts and bytes: its id. */
err content_add(struct account *a, const struct new_message *m, int64_t *id);
/* Removes contents without references, some at a time, unless somebody reads; *left tells whether there may be more. */
err content_sweep(struct account *a, bool *left);
/* Says that account_sync() and account_tidy() have something to do. */
void account_wake(struct account *a);

struct pack *pack_new(struct arena *a);
/* The piece in a shorter form, or as it is; a view of it or of a room that the next call uses again. */
str pack_piece(struct pack *p, str plain, bool *packed);
/* ERR_DAMAGED. The result is a view as above. */
err unpack_piece(struct pack *p, str packed, size_t plain_size, str *out);
void pack_slim(struct pack *p);
