/* SPDX-License-Identifier: Apache-2.0 */
/* What handshakes.c, handshakes_loop.c and handshakes_threads.c share. */
#pragma once
#include <pthread.h>

#include "ipc/desk.h"
#include "role/handshakes.h"

enum {
	CERTIFICATES_BUDGET = 2 << 20,
	PATIENCE_MS = 5000,   /* with a question */
	START_MS = 3000,      /* for the first certificates */
	QUESTIONS_OPEN = 128, /* of a loop; others wait for their turn before they begin */
	LINES = 8,            /* of all threads: each has one question open */
};

/* A channel of its own for the thread that has a question. */
struct line {
	struct channel channel;
	bool taken;
	unsigned generation; /* of the channel that it was opened over */
};

struct handshakes {
	struct service *service;
	struct peer keyring;
	struct tls_signer signer;
	struct tls_tickets *tickets;
	bool pauses;

	pthread_mutex_t lock; /* of server, lines, generation, and of keyring's channel */
	struct tls_server *server;
	struct tls_identity told[TLS_IDENTITIES_MAX]; /* until the end of them is told */
	struct arena *told_arena;
	size_t told_count;
	bool told_all; /* once */

	/* threads */
	pthread_cond_t line_free;
	struct line lines[LINES];
	unsigned generation;

	/* loop */
	struct handshake_wait *stepping; /* within handshake_step() */
	struct handshake_wait *asked, *queued, *queued_last;
	size_t asked_count;
	uint32_t last_tag;
};

err handshakes_ask(struct channel *c, uint32_t tag, uint32_t key, const struct tls_signed *what);

/* handshakes_threads.c */
err handshakes_sign_waiting(void *to, uint32_t key, const struct tls_signed *what, struct buf *signature);
/* handshakes_loop.c */
err handshakes_sign_pausing(void *to, uint32_t key, const struct tls_signed *what, struct buf *signature);
void handshakes_answer(struct handshakes *h, uint32_t tag, err result, str signature);
void handshakes_fail_asked(struct handshakes *h);
void handshakes_let_in(struct handshakes *h);
