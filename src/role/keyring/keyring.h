/* SPDX-License-Identifier: Apache-2.0 */
/* The process that holds the private keys. It tells who makes TLS connections which certificates there are and which ticket
 * keys, and signs their handshakes; it knows no peer outside and never shows a key. */
#pragma once
#include "ipc/admin.h"
#include "ipc/peer.h"
#include "role/keyring/identities.h"
#include "role/keyring/tickets.h"

enum { ASKERS_MAX = 512, LINES_MAX = 16, FAMILY_MAX = 32 }; /* lines: of one process */

struct keyring;

/* A process that needs signatures, or one of its lines. */
struct asker {
	struct peer peer;
	struct keyring *keyring;
	struct asker *next;
	char role[FAMILY_MAX], family[FAMILY_MAX];
	bool is_line;
	struct asker *parent; /* of a line; NULL: it has gone */
	unsigned lines;       /* that are its own */
	bool untold;          /* it had no room for the news */
	int64_t complained;   /* clock_ms() of the last refusal that was logged */
};

struct keyring {
	struct service *service;
	struct identities identities;
	struct tickets tickets;
	struct admin_door *door;
	struct asker *askers, *idle;
	size_t askers_count;
	struct loop_timer period, retry, look, grace;
	bool serves;
};

/* keyring.c: the news, to everybody. */
void keyring_tell(struct keyring *k);
/* The same, after a change; what was replaced is forgotten after a while. */
void keyring_changed(struct keyring *k);
void keyring_rotate(struct keyring *k);

/* verbs.c */
extern const struct admin_verb keyring_verbs[];

void keyring_prepare(struct service *s);
void keyring_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd);
err keyring_start(struct service *s);
