/* SPDX-License-Identifier: Apache-2.0 */
/* The process that speaks IMAP before login, a thread per visitor. It has nobody's mail and nobody's password but those
 * being typed in now; `directory` decides, `mailroom` lets in. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/tally.h"
#include "ipc/desk.h"
#include "ipc/peer.h"
#include "os/crew.h"
#include "os/io.h"

#define CONVERSATION "ipc/greeter_mailroom.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/frontdoor_greeter.def"
#include "ipc/conversation.h"

enum { FRONTDOORS_MAX = 64 };

struct greeter;

/* A front door's process. */
struct door {
	struct peer peer;
	char name[33];
	struct arena *arena; /* of the tally, as long as the channel */
	struct tally *here;  /* its connections that count for their addresses; NULL: none yet */
};

struct greeter {
	struct service *service;
	struct session_opener *directory;
	struct crew *crew;
	pthread_mutex_t lock; /* of the peers: threads send over them too */
	struct peer mailroom;
	struct door frontdoor[FRONTDOORS_MAX];
	struct hash_key key; /* of the tallies */
	atomic_uint visitors;
	bool retiring;
};

/* A connection that was brought. Owned by its thread. */
struct visitor {
	struct visitor *next; /* of the idle ones */
	struct greeter *greeter;
	struct door *frontdoor;
	int stream, socket; /* socket -1: the stream is the accepted socket itself */
	bool encrypted, greeted;
	char session[33], service[33];
};

/* presence.c: connections by address over all front doors. from: an address, or empty for one that does not count.
 * ERR_SYNTAX, ERR_LIMIT: no honest front door says that. *is_welcome: imap.sessions_per_address is not exceeded by it; it
 * counts in any case, until it is said to be gone. */
err presence_enter(struct door *door, str from, bool *is_welcome);
err presence_leave(struct door *door, str from);
/* What the front door told is void. */
void presence_forget(struct door *door);

/* Serves a visitor until it ends or is handed on: the thread's function. */
void greet(void *to);
/* Its thread has done with it. */
void visitor_free(struct visitor *v);
