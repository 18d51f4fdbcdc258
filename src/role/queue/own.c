/* SPDX-License-Identifier: Apache-2.0 */
/* The domains that are ours, as directory said last: in memory, since it is asked before every job, also while directory is
 * away. Before it has said so once nothing leaves at all. */
#include "role/queue/own.h"

enum { OWN_BUCKETS = 1024, OWN_BUDGET = 64 << 20, NAME_MAX_BYTES = 255 };

struct own_name {
	struct own_name *next;
	str name;
	bool is_inner;
};

struct own {
	struct arena *arena; /* which holds it */
	struct own_name *names[OWN_BUCKETS];
};

static struct own_name **bucket(const struct queue *q, struct own *own, str name)
{
	return &own->names[hash_of(&q->key, name) % OWN_BUCKETS];
}

static void own_free(struct own **own)
{
	struct arena *a = *own != NULL ? (*own)->arena : NULL;
	*own = NULL;
	arena_free(&a);
}

void own_stop(struct queue *q)
{
	own_free(&q->own);
	own_free(&q->own_coming);
}

err own_hear(struct queue *q, str names, bool inner, bool first, bool last)
{
	str name;
	if (first) {
		own_free(&q->own_coming);
		struct arena *a = arena_new("own domains", OWN_BUDGET);
		q->own_coming = NEW(a, struct own, 1);
		q->own_coming->arena = a;
	}
	struct own *own = q->own_coming;
	if (own == NULL)
		return FAIL(STATE);
	while (str_word(&names, '\n', &name)) {
		struct own_name *one = NEW(own->arena, struct own_name, 1);
		if (one == NULL || name.n > NAME_MAX_BYTES)
			return FAIL(LIMIT);
		struct own_name **at = bucket(q, own, name);
		*one = (struct own_name){ *at, arena_copy(own->arena, name), inner };
		*at = one;
	}
	if (arena_spent(own->arena))
		return FAIL(LIMIT);
	if (last) {
		own_free(&q->own);
		q->own = own;
		q->own_coming = NULL;
	}
	return OK;
}

bool own_is_known(const struct queue *q) { return q->own != NULL; }

static const struct own_name *find(const struct queue *q, str domain)
{
	const struct own_name *n = q->own != NULL ? *bucket(q, q->own, domain) : NULL;
	while (n != NULL && !str_eq(n->name, domain))
		n = n->next;
	return n;
}

bool own_has(const struct queue *q, str domain)
{
	const struct own_name *n = find(q, domain);
	return n != NULL && !n->is_inner;
}

bool own_is_inner(const struct queue *q, str domain)
{
	const struct own_name *n = find(q, domain);
	return n != NULL && n->is_inner;
}

void own_each(const struct queue *q, void (*fn)(void *to, str domain), void *to)
{
	for (size_t i = 0; q->own != NULL && i < OWN_BUCKETS; i++)
		for (const struct own_name *n = q->own->names[i]; n != NULL; n = n->next)
			if (!n->is_inner)
				fn(to, n->name);
}
