/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/throttle.h"

#include "os/random.h"

enum { BUCKETS = 4096, WAYS = 4 };

struct entry {
	uint64_t key; /* a keyed hash; 0: free */
	int64_t last;
	unsigned count;
};

struct throttle {
	struct hash_key key;
	int64_t while_ms;
	struct entry entries[BUCKETS][WAYS];
};

struct throttle *throttle_new(struct arena *a)
{
	struct throttle *t = NEW(a, struct throttle, 1);
	if (t == NULL)
		return NULL;
	random_bytes(&t->key, sizeof t->key);
	return t;
}

void throttle_set_while(struct throttle *t, int64_t while_ms) { t->while_ms = while_ms; }

static bool is_old(const struct throttle *t, const struct entry *e, int64_t now)
{
	return e->key == 0 || now - e->last >= t->while_ms;
}

static uint64_t hash(const struct throttle *t, str key) { return hash_of(&t->key, key) | 1; }

unsigned throttle_count(const struct throttle *t, str key, int64_t now)
{
	uint64_t h = hash(t, key);
	const struct entry *bucket = t->entries[h / 2 % BUCKETS];
	for (int i = 0; i < WAYS; i++)
		if (bucket[i].key == h)
			return is_old(t, &bucket[i], now) ? 0 : bucket[i].count;
	return 0;
}

/* The entry of the key; else one that is free or old; else the one with the fewest failures. */
static struct entry *place(struct throttle *t, uint64_t h, int64_t now)
{
	struct entry *bucket = t->entries[h / 2 % BUCKETS], *best = &bucket[0];
	for (int i = 0; i < WAYS; i++) {
		if (bucket[i].key == h)
			return &bucket[i];
		bool better = is_old(t, &bucket[i], now) || bucket[i].count < best->count;
		if (better && !is_old(t, best, now))
			best = &bucket[i];
	}
	return best;
}

unsigned throttle_add(struct throttle *t, str key, int64_t now)
{
	uint64_t h = hash(t, key);
	struct entry *e = place(t, h, now);
	if (e->key != h || is_old(t, e, now))
		*e = (struct entry){ .key = h };
	e->last = now;
	return ++e->count;
}

void throttle_forget(struct throttle *t, str key)
{
	uint64_t h = hash(t, key);
	struct entry *bucket = t->entries[h / 2 % BUCKETS];
	for (int i = 0; i < WAYS; i++)
		if (bucket[i].key == h)
			bucket[i] = (struct entry){ .key = 0 };
}
