/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts and what waits for them. */
#pragma once
#include "role/queue/queue.h"

/* ---- account.c ---- */

struct account {
	struct queue *q;
	struct arena *arena;
	uint32_t number;
	struct account *same_bucket;
	struct peer mailbox;
	struct delivery_list waiting, out;
	size_t gone;         /* deliveries whose jobs run */
	bool more;           /* more waits in the store behind the position */
	bool loading, again; /* a look into the store runs; and is out of date */
	int64_t rest_until;  /* no look before */
	int64_t after_message;
	unsigned after_position;
	/* mailbox.c */
	bool told, fetching, blocked;
	bool waits, given; /* of the open fetch: it may wait; something was sent, but not the last */
	unsigned owed;     /* deliveries that the mailbox has room for */
	struct turn turn;
	/* wake.c */
	struct loop_timer timer;
	int64_t gap;
};

struct account *account_get(struct queue *q, uint32_t number);
/* Forgets accounts that nothing is known of. */
void account_rest(struct account *a);
static inline bool account_has_mail(const struct account *a) { return a->waiting.count > 0 || a->more; }

struct delivery *delivery_find(struct queue *q, str number, uint64_t position);
/* The delivery left for the mailbox; it came back since the mailbox has gone. */
void delivery_out(struct delivery *d);
void deliveries_back(struct account *a);
/* Removes it from the store, or defers it, then forgets it. */
void delivery_done(struct delivery *d);
void delivery_defer(struct delivery *d, str reason);
/* Reads more from the store; account_pump() follows. False: not now. */
bool account_load(struct account *a);
/* Gives up the memory of what waits, which is read again when wanted. */
void account_unload(struct account *a);

/* ---- mailbox.c ---- */

extern const struct peer_kind mailbox_kind;
/* Says and sends what can be said and sent now; wakes a mailbox that is not there. */
void account_pump(struct account *a);

/* ---- wake.c ---- */

/* Asks mailroom for the mailbox, again and again with growing pauses. */
void account_wake(struct account *a);
/* Pumps again after a while. */
void account_later(struct account *a);
