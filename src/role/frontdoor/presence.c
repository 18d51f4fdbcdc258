/* SPDX-License-Identifier: Apache-2.0 */
/* imap.sessions_per_address holds over all front doors. `greeter` is where they meet: it is brought each connection with
 * the address that it counts for, and told when it has ended. What a front door that died had told is void there; a
 * greeter that was started again is told of everybody who is here. */
#include "role/frontdoor/frontdoor.h"

enum { TELL_AGAIN_MS = 50, PATIENCE_MS = 1000, ADDRESS_BYTES = 16, ADDRESSES_IN_FRAME = 61440 / ADDRESS_BYTES };

static str address_of(const struct guest *g) { return str_from((const char *)g->address.bytes, ADDRESS_BYTES); }

void presence_told(struct guest *g)
{
	struct frontdoor *door = g->door;
	g->told = true;
	g->before = NULL;
	g->after = door->told;
	if (g->after != NULL)
		g->after->before = g;
	door->told = g;
}

static void unlink_told(struct guest *g)
{
	if (g->before != NULL)
		g->before->after = g->after;
	else
		g->door->told = g->after;
	if (g->after != NULL)
		g->after->before = g->before;
	g->told = false;
}

/* Whom the channel has no room for waits: a count that is not taken back would keep somebody out for good. */
static void tell_ended(void *to)
{
	struct frontdoor *door = to;
	for (struct guest *g; (g = door->ended) != NULL;) {
		const struct msg_gone gone = { .from = address_of(g) };
		err e = door->greeter.fd >= 0 ? msg_send_gone(&door->greeter, 0, &gone) : OK;
		if (e.code == ERR_BUSY) {
			loop_timer_start(door->service->loop, &door->tell_again, TELL_AGAIN_MS, tell_ended, door);
			return;
		}
		door->ended = g->next;
		guest_give(g);
	}
}

void presence_ended(struct guest *g)
{
	struct frontdoor *door = g->door;
	unlink_told(g);
	g->next = door->ended;
	door->ended = g;
	tell_ended(door);
}

static void tell(struct frontdoor *door, struct buf *addresses)
{
	const struct msg_here here = { .from = buf_str(addresses) };
	struct channel greeter = door->greeter;
	greeter.waits = true; /* it is starting */
	greeter.patience = PATIENCE_MS;
	if (here.from.n > 0)
		IGNORE(msg_send_here(&greeter, 0, &here)); /* one that does not listen is started again */
	addresses->n = 0;
}

void presence_tell_all(struct frontdoor *door)
{
	static char room[ADDRESSES_IN_FRAME * ADDRESS_BYTES];
	struct buf addresses = BUF_ON(room);
	while (door->ended != NULL) { /* the one who counted them has gone */
		struct guest *g = door->ended;
		door->ended = g->next;
		guest_give(g);
	}
	for (const struct guest *g = door->told; g != NULL; g = g->after) {
		buf_add(&addresses, address_of(g));
		if (addresses.n == sizeof room)
			tell(door, &addresses);
	}
	tell(door, &addresses);
}
