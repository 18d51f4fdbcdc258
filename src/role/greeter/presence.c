/* SPDX-License-Identifier: Apache-2.0 */
/* A tally for each front door, so that what one had told is gone with it and no count can outlive its connection. A limit
 * is asked of their sum; there are as many as there are cores. */
#include "role/greeter/greeter.h"

enum { TALLY_MOST = 16384, TALLY_BUDGET = 16 << 20 }; /* a front door counts no more of its own */

static err address_from(str from, struct address *out)
{
	if (from.n != sizeof out->bytes)
		return FAIL(SYNTAX);
	memcpy(out->bytes, from.p, from.n);
	return OK;
}

static uint64_t count_all(const struct greeter *g, const struct address *a)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < FRONTDOORS_MAX; i++)
		if (g->frontdoor[i].here != NULL)
			sum += tally_of(g->frontdoor[i].here, a);
	return sum;
}

err presence_enter(struct door *door, str from, bool *is_welcome)
{
	const struct greeter *g = door->peer.service->state;
	const struct tally_limits none = { .all = TALLY_MOST };
	struct address address;
	if (from.n == 0)
		return OK;
	TRY(address_from(from, &address));
	if (door->here == NULL) {
		door->arena = arena_new("connections by address", TALLY_BUDGET);
		door->here = tally_new(door->arena, TALLY_MOST, &g->key);
	}
	if (door->here == NULL || tally_enter(door->here, &address, &none) != TALLY_WELCOME)
		return FAIL(LIMIT);
	*is_welcome = count_all(g, &address) <= g->service->conf->imap.sessions_per_address;
	return OK;
}

err presence_leave(struct door *door, str from)
{
	struct address address;
	TRY(address_from(from, &address));
	if (door->here != NULL)
		tally_leave(door->here, &address);
	return OK;
}

void presence_forget(struct door *door)
{
	door->here = NULL;
	arena_free(&door->arena);
}
