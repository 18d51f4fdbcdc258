/* SPDX-License-Identifier: Apache-2.0 */
/* Who is here at the moment: connections counted by address and by the network around it (an IPv4 /24, an IPv6 /64).
 * Memory is bounded by the most that may be here at all. One thread at a time. */
#pragma once
#include "base/address.h"
#include "base/arena.h"
#include "base/hash.h"

struct tally;

struct tally_limits {
	uint64_t all, address, network; /* most at once; address and network 0: not counted against a limit */
};

enum tally_answer { TALLY_WELCOME, TALLY_FULL, TALLY_ADDRESS, TALLY_NETWORK };

/* most: connections at once, which the limits may not exceed; key: random, so that nobody can aim at one slot. NULL: the
 * arena is spent. */
struct tally *tally_new(struct arena *a, size_t most, const struct hash_key *key);

/* Counts one in, unless a limit says no. */
enum tally_answer tally_enter(struct tally *t, const struct address *who, const struct tally_limits *limits);
/* Counts one out that was counted in. */
void tally_leave(struct tally *t, const struct address *who);
size_t tally_count(const struct tally *t);
/* How many of one address are here. */
uint64_t tally_of(const struct tally *t, const struct address *who);

/* A phrase for the log; NULL for TALLY_WELCOME. */
const char *tally_text(enum tally_answer answer);
