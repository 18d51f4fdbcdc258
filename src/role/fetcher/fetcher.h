/* SPDX-License-Identifier: Apache-2.0 */
/* The process that fetches by HTTPS for others. A thread for each fetch, straight-line code with deadlines. Private to this
 * folder. */
#pragma once
#include "base/hash.h"
#include "ipc/dns.h"
#include "ipc/peer.h"
#include "ipc/role.h"
#include "ipc/sts.h"
#include "os/crew.h"
#include "tls/client.h"

enum { FETCHES_MAX = 32, WAITING_MAX = 4096 /* as many questions as ledger has */, REASON_MAX = 200, FAILURES = 1024 };

/* That a policy of this id could not be had: it is not tried again for some minutes (RFC 8461 3.3). */
struct failure {
	uint64_t key; /* a hash of domain and id */
	int64_t at;
	enum sts_failure kind;
};

struct fetcher {
	struct service *service;
	struct tls_client *trust;
	struct session_opener *resolver;
	struct crew *crew;
	struct peer ledger;
	pthread_mutex_t lock; /* of all that follows, and of sending to ledger */
	unsigned ledgers;     /* how many channels to it there have been */
	unsigned running;
	struct task *waiting, **waiting_end;
	unsigned waiting_count;
	struct failure failures[FAILURES];
	struct hash_key key;
};

/* fetch.c: one GET by verified TLS, of one host, not of whom it might point to (RFC 8461 3.3). */
struct fetch {
	struct fetcher *fetcher;
	struct dns_client *dns;
	struct arena *arena;
	str host, path;
	size_t longest;   /* bytes of the body */
	int64_t deadline; /* clock_ms() */
	/* The result: */
	unsigned status;
	str media_type, body;
	char reason[REASON_MAX]; /* of a failure, for the log */
	bool untrusted;          /* it was the certificate */
};
/* OK: there was an answer, whatever its status. */
err fetch_run(struct fetch *f);

/* sts.c: a whole question of ledger's, in a thread. */
struct sts_task {
	struct fetcher *fetcher;
	str domain, known;
	int64_t deadline;
	struct arena *arena;
	struct dns_client *dns;
	/* The answer: */
	enum sts_outcome outcome;
	str id;
	struct mta_sts_policy policy;
	str reason;
	enum sts_failure failure;
};
void sts_run(struct sts_task *t);

/* fetcher.c: why this policy could not be had some minutes ago, if so; that it could not now. Any thread. */
bool failed_lately(struct fetcher *f, str domain, str id, enum sts_failure *why);
void note_failure(struct fetcher *f, str domain, str id, enum sts_failure why);
