/* SPDX-License-Identifier: Apache-2.0 */
/* The process of one account. Its threads:
 *
 *   main    the event loop: the mailroom's channel, and with it sessions that come and the process' end
 *   keeper  the queue's and the directory's channels: fetches mail, stores it, syncs the account at most a second after
 *           each change, says what is safe and how much is used, tidies up
 *   a thread for each session
 *
 * The store does the locking; what stands here is either set before the threads start or guarded as said. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "ipc/role.h"
#include "os/crew.h"
#include "store/account.h"

enum { MAILBOX_IN_USE = -1 };

struct keeper;
struct session_seat;

struct mailbox {
	struct service *service;
	struct account *account; /* NULL: it cannot be used */
	struct keeper *keeper;
	struct crew *crew; /* the sessions' threads */
	atomic_bool is_damaged;
	atomic_bool is_ending; /* sessions say goodbye */

	struct channel mailroom; /* main thread only, as all that follows up to the lock */
	struct loop_watch mailroom_watch, left_watch;
	struct loop_timer linger, again;
	uint32_t admitted;
	bool is_started;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t left;
	struct session_seat *seats; /* sessions that are running */
	unsigned seated;
	int64_t left_at; /* clock_ms() when the last one that left did */
	bool lingers;    /* the timer runs; else the last who leaves wakes the loop */
	int left_fd;     /* an eventfd: the last session has left */

	_Atomic uint64_t bytes_max, spooled; /* the directory's figures */
};

/* What a session's thread is started with, and how it is reached from outside. */
struct session_seat {
	struct session_seat *next;
	struct mailbox *mailbox;
	struct arena *arena; /* of this struct */
	int stream;          /* the session's own, once its thread runs; shut down to end it */
	str login, id, client, tag, unread;
	bool encrypted;
};

/* The keeper's side. Never NULL; it runs after keeper_run(). ERR_SYSTEM: no thread. */
struct keeper *keeper_new(struct mailbox *m);
err keeper_run(struct keeper *k);
/* A channel to "queue" or "directory": the keeper owns it. Any thread. */
void keeper_connect(struct keeper *k, bool is_queue, int fd);
/* Mail may wait at the queue. Any thread. */
void keeper_wake(struct keeper *k);
/* The last session has left: memory may be given back soon. Any thread. */
void keeper_poke(struct keeper *k);
/* Whether deliveries are under way or not yet synced. Any thread. */
bool keeper_is_busy(struct keeper *k);
/* Ends the thread, after a last sync. */
void keeper_stop(struct keeper **k);

/* The store did what it must not: logs it, tells the directory if it is damaged, and ends the process so that the next one
 * opens the account anew. Any thread. */
void mailbox_store_failed(struct mailbox *m, err e);

unsigned mailbox_sessions(struct mailbox *m);
/* clock_ms() when the last session left, or when the process began; MAILBOX_IN_USE: somebody is here. Any thread. */
int64_t mailbox_left_at(struct mailbox *m);
/* Ends all sessions that are running. */
void mailbox_end_sessions(struct mailbox *m);
/* From now on the stream is the caller's alone, to be closed. */
void mailbox_release_stream(struct session_seat *seat);
/* Called by a session's thread as its last act. */
void mailbox_leave(struct session_seat *seat);

/* Serves IMAP to somebody who has logged in. Owns nothing. */
void imap_serve(struct session_seat *seat);

/* Parses a message once, for all times. The results stand in the arena. ERR_MEMORY, ERR_LIMIT. */
err describe(struct arena *a, str text, struct message_parts *out);
