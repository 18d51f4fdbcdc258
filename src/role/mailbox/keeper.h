/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by keeper.c, which waits, syncs and reports, and deliver.c, which talks with the queue. All but the parts marked
 * belongs to the keeper's thread. */
#pragma once
#include "ipc/desk.h"
#include "role/mailbox/mailbox.h"

enum {
	BATCH_MAX = 64,
	BATCH_BYTES = 4 << 20, /* a batch that holds more is stored without waiting for the rest */
	UNTOLD_MAX = 512,      /* deliveries that are stored and not yet told to the queue */
};

struct batch {
	struct arena *arena;
	size_t count;
	struct delivery deliveries[BATCH_MAX];
	str addresses[BATCH_MAX];
	void *maps[BATCH_MAX]; /* bodies that came as files; NULL: not mapped */
	size_t sizes[BATCH_MAX];
};

struct keeper {
	struct mailbox *mailbox;
	struct arena *arena;
	pthread_t thread;
	bool runs;

	pthread_mutex_t lock;         /* of the next two */
	int new_queue, new_directory; /* channels to take over; -1: none */
	int wake_fd;
	atomic_bool must_stop, wants_mail, is_busy, will_slim;

	struct desk *desk;
	struct channel queue, directory;
	unsigned room;    /* deliveries that the queue may still send */
	bool is_complete; /* the batch: the queue has no more just now */
	struct batch *batch;
	struct delivery_name untold[UNTOLD_MAX];
	size_t untold_count;
	int64_t sync_at; /* clock_ms(); 0: nothing to sync */
	int64_t slim_at; /* clock_ms(); 0: nothing has happened since the last time */
	uint64_t told_bytes, told_messages;
	bool has_told, told_damaged;
};

/* Tells the queue what room there is, unless it knows of enough. */
void deliver_ask(struct keeper *k);
/* Reads what the queue says. */
void deliver_listen(struct keeper *k);
/* Tells the queue what is safe; call it after a sync that began when all of them were stored. */
void deliver_tell(struct keeper *k);
/* The queue's channel has ended. */
void deliver_hang_up(struct keeper *k);
/* Syncs now. */
err keeper_sync(struct keeper *k);
