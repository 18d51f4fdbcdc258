/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/answer.h"

#include "base/arena.h"

enum { CHUNK_ROOM = 64 << 10, LENGTH_BYTES = sizeof(uint32_t), OVERHEAD = 1024 };

/* Lines one after the other, each behind its length. */
struct answer_chunk {
	struct arena *arena; /* which holds the chunk itself */
	struct answer_chunk *next;
	size_t n, at;
	char bytes[CHUNK_ROOM];
};
_Static_assert(ANSWER_LINE_MAX + LENGTH_BYTES <= CHUNK_ROOM, "a line fits into a chunk");

static struct answer_chunk *add_chunk(struct answer *a)
{
	struct arena *arena = arena_new("answer", sizeof(struct answer_chunk) + OVERHEAD);
	struct answer_chunk *c = NEW(arena, struct answer_chunk, 1);
	c->arena = arena;
	if (a->last != NULL)
		a->last->next = c;
	else
		a->first = c;
	a->last = c;
	a->held += sizeof *c;
	return c;
}

static void drop_chunk(struct answer *a)
{
	struct answer_chunk *c = a->first;
	struct arena *arena = c->arena;
	a->first = c->next;
	if (a->first == NULL)
		a->last = NULL;
	a->held -= sizeof *c;
	arena_free(&arena);
}

err answer_add(struct answer *a, str line)
{
	struct answer_chunk *c = a->last;
	uint32_t length = (uint32_t)line.n;
	if (line.n > ANSWER_LINE_MAX)
		return FAIL(LIMIT);
	if (c == NULL || sizeof c->bytes - c->n < LENGTH_BYTES + line.n)
		c = add_chunk(a);
	memcpy(c->bytes + c->n, &length, LENGTH_BYTES);
	if (line.n > 0)
		memcpy(c->bytes + c->n + LENGTH_BYTES, line.p, line.n);
	c->n += LENGTH_BYTES + line.n;
	return OK;
}

bool answer_first(const struct answer *a, str *line)
{
	const struct answer_chunk *c = a->first;
	uint32_t length;
	if (c == NULL)
		return false;
	memcpy(&length, c->bytes + c->at, LENGTH_BYTES);
	*line = str_from(c->bytes + c->at + LENGTH_BYTES, length);
	return true;
}

void answer_drop_first(struct answer *a)
{
	struct answer_chunk *c = a->first;
	str line;
	if (!answer_first(a, &line))
		return;
	c->at += LENGTH_BYTES + line.n;
	if (c->at == c->n)
		drop_chunk(a);
}

void answer_free(struct answer *a)
{
	while (a->first != NULL)
		drop_chunk(a);
}
