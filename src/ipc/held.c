/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/held.h"

#include <stdlib.h>

enum { OVERHEAD = 256 };

void held_keep(struct held *h, const struct frame *f)
{
	struct arena *a = arena_new("held answer", f->n + OVERHEAD);
	*h = (struct held){ a, f->number, f->tag, arena_copy(a, str_from((const char *)f->bytes, f->n)) };
	if (h->bytes.p == NULL || f->fds_count > 0)
		abort(); /* the budget is what it needs, and no answer that is held has a descriptor */
}

err held_send(struct held *h, struct channel *c)
{
	frame_begin(c->out, h->number, h->tag);
	memcpy(c->out->bytes, h->bytes.p, h->bytes.n);
	c->out->n = h->bytes.n;
	err e = channel_send(c);
	if (e.code != ERR_BUSY)
		held_forget(h);
	return e;
}

void held_forget(struct held *h)
{
	arena_free(&h->arena);
	*h = (struct held){ .arena = NULL };
}
