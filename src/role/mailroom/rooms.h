/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox processes by account: which run, which are being started, who waits for them. */
#pragma once
#include "base/arena.h"
#include "ipc/peer.h"

#define CONVERSATION "ipc/mailroom_mailbox.def"
#include "ipc/conversation.h"

enum { ROOM_BUCKETS = 4096, ROOMS_MAX = 100000, WAITING_MAX = 64 };

struct mailroom;

/* A session whose mailbox process is being started. */
struct waiting {
	struct waiting *next;
	struct arena *arena; /* holds it and its texts */
	struct peer *greeter;
	struct msg_admit admit;
};

struct room {
	struct room *next; /* of its bucket, or of the free ones */
	struct mailroom *mailroom;
	uint64_t account;
	struct peer peer;       /* closed: not running */
	bool starting, leaving; /* asked for; told that it may go */
	uint64_t admitted;      /* sessions sent to this process */
	struct waiting *first, **last;
	size_t waiting_count;
};

struct rooms {
	struct arena *arena;
	struct room *bucket[ROOM_BUCKETS], *free;
	size_t count;
};

void rooms_init(struct rooms *r);
/* NULL: there is none. */
struct room *room_find(struct rooms *r, uint64_t account);
/* Finds it or makes one that does not run. NULL: too many. */
struct room *room_get(struct rooms *r, uint64_t account);
/* For a room without process and without anybody waiting. */
void room_drop(struct rooms *r, struct room *room);

/* Keeps a session until the process runs; copies the texts, owns the stream then. ERR_LIMIT: too many wait. */
err room_wait(struct room *room, struct peer *greeter, const struct msg_admit *admit);
/* The next one that waits, NULL: nobody. The caller frees it and owns its stream. */
struct waiting *room_next_waiting(struct room *room);
void waiting_free(struct waiting *w);
