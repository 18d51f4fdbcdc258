/* SPDX-License-Identifier: Apache-2.0 */
/* Another process, or one session of it, as an event loop sees it: the channel, the watch on it, and who hears what
 * comes. A role says once for each kind of peer how it is heard:
 *
 *     static err on_vouch(struct mailroom *m, const struct msg_vouch *v, uint32_t tag);
 *
 *     #define CONVERSATION "ipc/directory_mailroom.def"
 *     #define HEAR directory_hear
 *     #define HEAR_PEER void                          hear.h makes a peer_hear_fn of it
 *     ...
 *     static const struct peer_kind directory_kind = { .name = "directory", .hear = directory_hear };
 *
 * calls peer_init() when it begins and peer_open() for each channel that the supervisor brings. From then on the rest is
 * done here: what came is heard; a channel that was closed, or that said something undeclared, is closed on our side too,
 * the latter with an event in the log; and the role is told. To speak, it sends over peer.channel: ERR_CLOSED while the
 * peer is not there. A function that hears may close or free its own peer only by returning a failure, and gone(). */
#pragma once
#include <pthread.h>

#include "ipc/role.h"

enum { PEER_FRAMES = 64 }; /* heard in one turn of the loop; then the others have theirs */

typedef err peer_hear_fn(void *to, struct hear_counts *counts, struct frame *f);

struct peer_kind {
	const char *name;
	peer_hear_fn *hear; /* NULL: it has nothing to say, and whatever it says is too much */
	/* The peer has ended, its channel is closed already. May be NULL; may free the peer, and may open it again. */
	void (*gone)(void *to);
	/* What the loop calls instead of hearing, for who also waits until it can write, or stops early: reads by
	 * peer_read(). May be NULL. */
	loop_fn *on_event;
	/* There is room in its channel, after peer_await_room(); does not free the peer. May be NULL where that is never
	 * called, as where on_event is set. */
	void (*room)(void *to);
	bool secret; /* passwords come over it: frames are wiped when they have been heard */
};

struct peer {
	struct service *service;
	const struct peer_kind *kind;
	void *to;               /* what the kind's functions are given */
	const char *name;       /* in the log: the kind's, or one that the role sets */
	struct channel channel; /* in the service's frames; a role may set others after peer_init() */
	struct loop_watch watch;
	struct hear_counts heard;
	bool awaits_room, holds_off;
	struct peer *next_waiting; /* for the role's start */
	uint64_t account;          /* whose process it is, for the log; 0: nobody's */
	pthread_mutex_t *lock; /* NULL: only the loop's thread uses it. Others may send over channel.fd, with frames of
				* their own, while they hold this: it is opened and closed with it held. */
};

/* A peer that is not there. kind is a constant; to is the caller's. */
void peer_init(struct peer *p, struct service *s, const struct peer_kind *kind, void *to);
/* Hears the channel from now on, or from the end of the role's start() on; owns fd, also after a failure; an earlier
 * channel is closed, and gone() not told.
 * ERR_SYSTEM: it could not be watched, and is closed. */
err peer_open(struct peer *p, int fd);
/* Without telling gone(). Harmless when it is closed, or was never initialised but is all zero. */
void peer_close(struct peer *p);
static inline bool peer_is_open(const struct peer *p) { return p->service != NULL && p->channel.fd >= 0; }

/* Hears at once what has come, at most so many frames: for a role that must know what one peer had said before it
 * believes another. OK: so many were heard, or it was held off meanwhile; ERR_AGAIN: that was all. After any other
 * failure the peer has gone, and gone() was told; where that frees the peer it must not be looked at again. */
err peer_read(struct peer *p, unsigned frames);

/* Its channel is full: kind->room() is called once when there is room, unless the peer has gone by then. */
void peer_await_room(struct peer *p);
/* What it says waits in its channel, until it is heard again; that it has gone is found out in any case. Harmless when it is
 * closed, or is heard or held off already. */
void peer_hold_off(struct peer *p, bool holds_off);

/* The role's start() is done. The skeleton calls it. */
void peers_start(struct service *s);
