/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a SOCK_SEQPACKET pair. A session's thread asks and waits, with a deadline; an event loop never waits. When
 * the peer dies every wait ends at once with ERR_CLOSED. Frames of another version are refused with
 * ERR_UNSUPPORTED. After any failure but AGAIN and BUSY the channel is of no further use. */
#pragma once
#include "ipc/wire.h"

struct channel {
	int fd;            /* -1: none */
	bool waits;        /* a thread's; otherwise an event loop's */
	unsigned patience; /* of one that waits: milliseconds */
	struct frame *in;  /* rooms for one frame each; may be shared by all channels of one thread */
	struct frame *out;
};

enum { IPC_NUMBERS = 48 }; /* message numbers are below this */
/* How often each message has come on one channel; all zero at its start. */
struct hear_counts {
	uint32_t of[IPC_NUMBERS];
};

/* A loop's channel; the frames are the caller's. */
struct channel channel_of(int fd, struct frame *in, struct frame *out);
/* A thread's channel, on which nothing takes longer than patience milliseconds. */
struct channel channel_waiting(int fd, unsigned patience, struct frame *in, struct frame *out);
void channel_close(struct channel *c);

/* A new pair. Both ends close on exec. */
err channel_pair(int ends[2]);

/* Sends what stands in c->out; the descriptors stay the caller's. ERR_BUSY: the peer has not read its earlier frames
 * (a loop's channel; or a thread's, after its patience). ERR_CLOSED: the peer has gone, or was never there. */
err channel_send(struct channel *c);
/* Receives into c->in. ERR_AGAIN: nothing there (loop). ERR_TIMEOUT: nothing came (thread). ERR_CLOSED, ERR_SYNTAX,
 * ERR_UNSUPPORTED. */
err channel_receive(struct channel *c);
