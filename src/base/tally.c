/* SPDX-License-Identifier: Apache-2.0 */
/* An open hash table of networks; a single address is a network of 128 bits. A slot whose count fell to nothing is
 * closed by moving later slots of its run up, so the table never fills with graves. */
#include "base/tally.h"

struct slot {
	struct network who;
	uint32_t count; /* 0: free */
};

struct tally {
	size_t here, room; /* room: a power of two */
	struct hash_key key;
	struct slot *slots;
};

struct tally *tally_new(struct arena *a, size_t most, const struct hash_key *key)
{
	struct tally *t = NEW(a, struct tally, 1);
	size_t room = 16;
	/* Two slots per connection, and the table at most half full. */
	while (room < most * 4)
		room *= 2;
	struct slot *slots = NEW(a, struct slot, room);
	if (t == NULL || slots == NULL)
		return NULL;
	t->room = room;
	t->slots = slots;
	t->key = *key;
	return t;
}

static size_t home_of(const struct tally *t, const struct network *n)
{
	char bytes[17];
	memcpy(bytes, n->address.bytes, 16);
	bytes[16] = (char)n->bits;
	return (size_t)hash_of(&t->key, str_from(bytes, sizeof bytes)) & (t->room - 1);
}

static bool is_slot_of(const struct slot *s, const struct network *n)
{
	return s->who.bits == n->bits && address_eq(&s->who.address, &n->address);
}

/* Its slot, or the free one where it belongs. */
static struct slot *find(const struct tally *t, const struct network *n)
{
	size_t at = home_of(t, n);
	while (t->slots[at].count > 0 && !is_slot_of(&t->slots[at], n))
		at = (at + 1) & (t->room - 1);
	return &t->slots[at];
}

static void close_gap(struct tally *t, size_t gap)
{
	for (size_t at = (gap + 1) & (t->room - 1); t->slots[at].count > 0; at = (at + 1) & (t->room - 1)) {
		size_t home = home_of(t, &t->slots[at].who);
		/* It may move to the gap unless its home lies behind the gap. */
		if (((at - home) & (t->room - 1)) < ((at - gap) & (t->room - 1)))
			continue;
		t->slots[gap] = t->slots[at];
		t->slots[at].count = 0;
		gap = at;
	}
}

static void count_out(struct tally *t, const struct network *n)
{
	struct slot *s = find(t, n);
	if (s->count > 0 && --s->count == 0)
		close_gap(t, (size_t)(s - t->slots));
}

enum tally_answer tally_enter(struct tally *t, const struct address *who, const struct tally_limits *limits)
{
	const struct network alone = { *who, 128 }, around = network_around(who);
	if (t->here >= limits->all || t->here * 4 >= t->room)
		return TALLY_FULL;
	struct slot *s = find(t, &alone);
	if (limits->address > 0 && s->count >= limits->address)
		return TALLY_ADDRESS;
	uint32_t near = find(t, &around)->count;
	if (limits->network > 0 && near >= limits->network)
		return TALLY_NETWORK;
	s->who = alone;
	s->count++;
	s = find(t, &around); /* anew: the first one may have taken the slot where it belongs */
	s->who = around;
	s->count++;
	t->here++;
	return TALLY_WELCOME;
}

void tally_leave(struct tally *t, const struct address *who)
{
	const struct network alone = { *who, 128 }, around = network_around(who);
	count_out(t, &alone);
	count_out(t, &around);
	if (t->here > 0)
		t->here--;
}

size_t tally_count(const struct tally *t) { return t->here; }

uint64_t tally_of(const struct tally *t, const struct address *who)
{
	const struct network alone = { *who, 128 };
	return find(t, &alone)->count;
}

const char *tally_text(enum tally_answer answer)
{
	static const char *const texts[] = { [TALLY_FULL] = "too many connections",
		[TALLY_ADDRESS] = "too many connections from this address",
		[TALLY_NETWORK] = "too many connections from this network" };
	return texts[answer];
}
