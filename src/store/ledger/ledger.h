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
