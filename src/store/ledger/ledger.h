/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.db: what is remembered of other servers and domains. One process and one thread have it open. A failure of the store
 * costs what can be learned again, never mail. */
#pragma once
#include "base/str.h"

enum { LEDGER_POLICIES_MAX = 100000 }; /* of more, those fetched the longest time ago go */

struct ledger;

/* Opens ./ledger.db, or makes it. Failures as sql_open(); message, which may be NULL, gets the database's words. */
struct buf;
err ledger_open(struct buf *message, struct ledger **out);
/* Accepts NULL behind the pointer. */
void ledger_close(struct ledger **l);

/* A domain's MTA-STS policy as it was fetched (RFC 8461). */
struct ledger_policy {
	str domain, id, patterns; /* patterns: one a line */
	uint64_t mode, max_age;   /* enum mta_sts_mode; seconds */
	int64_t fetched;          /* UTC, seconds */
};

/* Strings are views until the next call. ERR_ABSENT; failures as store/sql.h has them. */
err ledger_policy_find(struct ledger *l, str domain, struct ledger_policy *out);
/* Puts it in the place of an earlier one. now: UTC, seconds; policies that have run out go when room is needed. */
err ledger_policy_keep(struct ledger *l, const struct ledger_policy *policy, int64_t now);

/* ---- results.c: how TLS went, as reports want it (RFC 8460 4.2) ---- */

enum {
	LEDGER_RESULTS_MAX = 50000,   /* policies of a domain and a day; of more, the oldest go */
	LEDGER_RESULT_DAYS = 8,       /* today's and so many before it are kept */
	LEDGER_KINDS_MAX = 100,       /* different failures of one of those; the rest are counted by type alone, */
	LEDGER_KINDS_IN_ALL = 200000, /* and so are those that come when all of them together are so many */
};

/* Sessions of one kind. */
struct ledger_result {
	int64_t day;                   /* since 1970 */
	str domain, kind, text, hosts; /* the policy applied: "sts", "tlsa", ...; it and its hosts, both by lines */
	str type; /* RFC 8460 4.3; empty: TLS was as it should be; then the next five do not count */
	str host, helo, address, local,
		reason; /* RFC 8460 4.4: the server, its own word for itself, its address and ours */
	uint64_t count;
};

/* Adds to what is counted. today as day. */
err ledger_result_add(struct ledger *l, const struct ledger_result *r, int64_t today);

/* Calls back for the policies behind a number (0 at first), or those of one domain, with their successes, and then
 * for each failure; strings are views for that long. *number is then theirs. ERR_ABSENT: there are no more. */
typedef void ledger_result_fn(void *to, const struct ledger_result *r);
err ledger_result_next(struct ledger *l, str domain, int64_t *number, ledger_result_fn *fn, void *to);
