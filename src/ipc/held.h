/* SPDX-License-Identifier: Apache-2.0 */
/* An answer that found no room in the channel to the one who asked. It stays with its question until there is some
 * (peer_await_room()), so there are never more of them than questions may be open. */
#pragma once
#include "base/arena.h"
#include "ipc/channel.h"

/* All zero: nothing is held. */
struct held {
	struct arena *arena;
	uint16_t number;
	uint32_t tag;
	str bytes; /* of the whole frame */
};

static inline bool held_is(const struct held *h) { return h->arena != NULL; }

/* Copies the frame that channel_send() had no room for. It carries no descriptors. Nothing is held yet. */
void held_keep(struct held *h, const struct frame *f);
/* Sends it, as channel_send() does; unless there is no room again (ERR_BUSY) nothing is held afterwards. */
err held_send(struct held *h, struct channel *c);
/* Harmless when nothing is held. */
void held_forget(struct held *h);
