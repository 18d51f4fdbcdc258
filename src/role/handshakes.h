/* SPDX-License-Identifier: Apache-2.0 */
/* TLS for a role that holds no key: certificates and ticket keys come from `keyring`, and so does each signature. A role
 * with a thread for each session lets the thread wait for it; a role with a loop lets the handshake pause. */
#pragma once
#include "ipc/peer.h"
#include "ipc/role.h"
#include "tls/server.h"

struct handshakes;

/* Before the confinement, once per process; pauses: this is a loop's, see handshake_step(). Never NULL. */
struct handshakes *handshakes_new(struct service *s, bool pauses);
/* The channel to `keyring`; owns fd. Questions that are open to an earlier one fail. */
void handshakes_connect(struct handshakes *h, int fd);
/* In the role's start(): waits a little until the certificates are there, so that it begins to serve with them. */
void handshakes_await(struct handshakes *h);

/* Any thread: whether there is a certificate to show; a connection that is about to be made on fd, NULL: there is none. */
bool handshakes_are_possible(struct handshakes *h);
struct tls *handshakes_accept(struct handshakes *h, int fd);

/* ---- in a loop ---- */

enum wait_state { WAIT_IDLE, WAIT_QUEUED, WAIT_ASKED, WAIT_ANSWERED };

/* A connection's place among those that wait for a signature; a member of the caller's structure. */
struct handshake_wait {
	enum wait_state state;
	void (*resume)(void *to); /* handshake_step() is to be called again */
	void *to;
	/* The rest is for handshakes_loop.c. */
	struct handshakes *of;
	uint32_t tag;
	struct buf *signature;
	err result;
	struct loop_timer patience;
	struct handshake_wait *next, *before;
};

void handshake_wait_init(struct handshake_wait *w, struct handshakes *h, void (*resume)(void *to), void *to);
/* As tls_handshake(). While w->state is WAIT_QUEUED or WAIT_ASKED the socket has nothing to say to us: ERR_AGAIN came, and
 * resume() will be called. */
err handshake_step(struct handshake_wait *w, struct tls *tls);
/* The connection is given up: before tls_free(). Harmless when it waits for nothing. */
void handshake_cancel(struct handshake_wait *w);
