/* SPDX-License-Identifier: Apache-2.0 */
/* Only so many mailboxes store mail at once, and the others stand in line: while somebody brings mail, half as many as there are
 * processors, otherwise twice as many, since one that waits for the disk leaves its processor to another. While the queue stores
 * mail whose senders wait for its word, none of them begins, for a fifth of a second at most, and as long as what waits takes little
 * of the memory for it. */
#pragma once
#include "os/loop.h"

struct account;
struct queue;

enum turn_state { TURN_NONE, TURN_WAITS, TURN_HAS };
struct turn {
	enum turn_state state;
	int64_t since; /* clock_ms() */
	struct account *before, *next;
};
struct turn_list {
	struct account *first, *last;
	size_t count;
};
struct turns {
	struct turn_list running, line;
	struct loop_timer timer;
	size_t processors;      /* 0: not known */
	size_t storing;         /* messages with the writer */
	int64_t stored;         /* clock_ms() when there was none any more */
	struct account *called; /* out of the line: it has its turn if it still wants it */
};

/* Whether mail may be handed to its mailbox now. False: account_pump() follows when it may. */
bool turn_take(struct account *a);
/* It has stored what it was given, or has gone. Calls account_pump() of those whose turn it is then. */
void turn_end(struct account *a);
/* A message goes to the writer, and is back. */
void turns_storing(struct queue *q);
void turns_stored(struct queue *q);
void turns_stop(struct queue *q);
