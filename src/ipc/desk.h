/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread needs to talk over channels: a frame to read and one to write. They are large, so they are lent out and
 * used again; what stood in them is wiped when they come back. */
#pragma once
#include "ipc/channel.h"

struct desk {
	struct desk *next;
	struct frame in, out;
};

/* Never NULL. Any thread. */
struct desk *desk_take(void);
/* Accepts NULL behind the pointer, leaves it there. */
void desk_give(struct desk **desk);

/* A channel that several threads send over, one at a time: the one between two processes, over which sessions are
 * opened. */
struct session_opener;

/* Never NULL; without a channel at first. Lives as long as the process. */
struct session_opener *session_opener_new(void);
/* Owns fd, closes an earlier one; -1: none. */
void session_opener_connect(struct session_opener *o, int fd);
/* Makes a pair, sends its far end to the peer: the session's own channel, on which nothing takes longer than patience
 * milliseconds. ERR_CLOSED: the peer is not there at the moment. ERR_BUSY, ERR_SYSTEM. */
err session_open(struct session_opener *o, unsigned patience, struct desk *desk, struct channel *out);
/* The same in two steps, so that the peer finds the first questions in the channel when it gets it: the pair is made, the
 * caller speaks into *out, the far end is sent. far stays the caller's. */
err session_prepare(unsigned patience, struct desk *desk, struct channel *out, int *far);
err session_submit(struct session_opener *o, struct desk *desk, int far);
