/* SPDX-License-Identifier: Apache-2.0 */
/* What inner servers have said of their recipients, and whether they answer at all. Knows neither channel nor clock. What it
 * knows ends, and there is a bound on it; what gives way is asked for again.
 *
 * That a recipient is taken counts as known only while its server answers: when that is away the client is asked to try
 * again, whatever was known, so that nothing is accepted that the inner server might refuse. */
#pragma once
#include "base/hash.h"
#include "role/directory/callout.h"

enum {
	INNER_SLOTS = 4096,  /* recipients */
	INNER_KEY_MAX = 110, /* bytes of an address; longer ones are asked for every time */
	INNER_SERVERS = 128, /* domains */
	INNER_DOMAIN_MAX = 255,
	INNER_ALIVE_MS = 1000, /* for so long an answer proves that a server is there */
	INNER_AWAY_MS = 3000,  /* for so long one that gave none is not asked again */
	INNER_TEXT_MAX = 400,
	INNER_STATUS_MAX = 16,
};

struct inner_known {
	int64_t until; /* clock_ms() */
	uint64_t size,
		size_max; /* it was asked about a message of that size; takes messages up to that, 0: did not say */
	bool is_taken;
	uint8_t n;
	char key[INNER_KEY_MAX];
};

struct inner_server {
	char domain[INNER_DOMAIN_MAX];
	uint8_t n;                             /* 0: this place is free */
	int64_t alive, away_since, away_until; /* clock_ms(); 0: never, it is not away */
	bool alarmed;
};

/* Milliseconds: how long it counts that a recipient is taken, or unknown, and how long a server may be away before somebody
 * is told. */
struct inner_times {
	int64_t taken, unknown, alarm;
};

struct inner {
	struct hash_key key;
	struct inner_times times;
	struct inner_known known[INNER_SLOTS];
	struct inner_server servers[INNER_SERVERS];
};

/* What the client is told. code 250: the recipient is taken. */
struct inner_verdict {
	unsigned code;
	char status[INNER_STATUS_MAX + 1], reason[INNER_TEXT_MAX + 1];
	uint64_t size_max; /* of a message; 0: no bound */
};

/* What changed with an answer, for the log. */
enum inner_change {
	INNER_UNCHANGED,
	INNER_FAILED, /* the server was there before */
	INNER_BACK,   /* it was away */
	INNER_LASTS,  /* it has been away for so long that somebody must be told, once */
};

/* Begins with nothing known; inner_set_times() comes next. */
void inner_begin(struct inner *in);
/* What is known already ends by then, too. */
void inner_set_times(struct inner *in, const struct inner_times *times, int64_t now);
/* What is known. False: it must be asked. */
bool inner_recall(struct inner *in, const struct callout_question *q, int64_t now, struct inner_verdict *out);
/* Takes the answer to a question, remembers what may be remembered, and says what it means for the client. */
enum inner_change inner_learn(struct inner *in, const struct callout_question *q, const struct callout_result *r,
	int64_t now, struct inner_verdict *out);
/* It could not be asked, for a reason of our own. */
void inner_cannot(struct inner_verdict *out);
/* Forgets one recipient. */
void inner_doubt(struct inner *in, str recipient);
/* Forgets the recipients of a domain, or with NO_STR all of them, and that their servers were away; returns how many were
 * known. */
size_t inner_forget(struct inner *in, str domain, int64_t now);
