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
	uint32_t user;       /* of a local user */
	bool comes_by_proxy; /* a header of the PROXY protocol is to come first */
	bool is_proxied;     /* it came, and address and port are those that it names */
	int fd;
};

/* The thread's function; the caller that it gets belongs to it. */
void *receive_mail(void *to);
/* Who it is, for the log: "192.0.2.1", "uid 1000". */
void caller_write(struct buf *b, const struct caller *c);
/* The thread's function for a client of a proxy: reads the header, counts the client and goes on with receive_mail(). */
void *receive_proxied(void *to);
/* Counts the caller under another address, which it has from then on. NULL, or why it is to be turned away. */
const char *caller_readmit(struct caller *c, const struct address *address);
/* Tells the caller why, and hangs up. */
void caller_turn_away(struct caller *c, const char *reason);
/* Its thread has done with it. */
void caller_free(struct caller *c);
