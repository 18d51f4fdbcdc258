/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/cap.h"

#include "base/hash.h"
#include "os/random.h"

enum { BUCKETS = 1024, WAYS = 8, HOUR_MS = 3600000 };

struct counted {
	uint64_t name; /* a keyed hash; 0: free */
	int64_t since;
	unsigned count;
};

struct cap {
	struct hash_key key;
	struct counted all[BUCKETS][WAYS];
};

struct cap *cap_new(struct arena *a)
{
	struct cap *c = NEW(a, struct cap, 1);
	if (c != NULL)
		random_bytes(&c->key, sizeof c->key);
	return c;
}

static uint64_t hash(const struct cap *c, str name) { return hash_of(&c->key, name) | 1; }

static unsigned count_now(const struct counted *one, int64_t now)
{
	return one->name != 0 && now - one->since < HOUR_MS ? one->count : 0;
}

unsigned cap_count(const struct cap *c, str name, int64_t now)
{
	uint64_t h = hash(c, name);
	const struct counted *bucket = c->all[h / 2 % BUCKETS];
	for (size_t i = 0; i < WAYS; i++)
		if (bucket[i].name == h)
			return count_now(&bucket[i], now);
	return 0;
}

unsigned cap_add(struct cap *c, str name, int64_t now)
{
	uint64_t h = hash(c, name);
	struct counted *bucket = c->all[h / 2 % BUCKETS], *place = &bucket[0];
	for (size_t i = 0; i < WAYS; i++) {
		if (bucket[i].name == h) {
			place = &bucket[i];
			break;
		}
		if (count_now(&bucket[i], now) < count_now(place, now))
			place = &bucket[i];
	}
	if (place->name != h || count_now(place, now) == 0)
		*place = (struct counted){ .name = h, .since = now };
	return ++place->count;
}
