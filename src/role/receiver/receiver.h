/* SPDX-License-Identifier: Apache-2.0 */
/* The process that takes mail in by SMTP and LMTP, a thread per session. It knows the dialogue; who may send what to whom
 * is decided by `directory`, whether a message is accepted by `queue`. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/tally.h"
#include "ipc/desk.h"
#include "ipc/role.h"
#include "os/listeners.h"
#include "role/handshakes.h"

/* What is different on the ports. */
struct service_kind {
	const char *name;
	bool lmtp;         /* RFC 2033 */
	bool submission;   /* RFC 6409: nothing without a login */
	bool implicit_tls; /* RFC 8314 3.3 */
	bool local;        /* for users of this machine, known by their numbers */
};

struct receiver;

struct receiver {
	struct service *service;
	struct session_opener *directory, *queue;
	struct handshakes *handshakes;
	pthread_mutex_t lock; /* of tally */
	struct tally *tally;
	struct listeners listeners;
	atomic_uint sessions;
	bool retiring;
};

/* An accepted connection, handed to its thread. */
struct caller {
	struct caller *next;
	struct receiver *receiver;
	const struct service_kind *kind;
	struct address address; /* of a local user one made of the number, which limits are counted by */
	unsigned port;
	uint32_t user; /* of a local user */
	int fd;
};

/* The thread's function; the caller that it gets belongs to it. */
void *receive_mail(void *to);
/* Who it is, for the log: "192.0.2.1", "uid 1000". */
void caller_write(struct buf *b, const struct caller *c);
/* Its thread has done with it. */
void caller_free(struct caller *c);
