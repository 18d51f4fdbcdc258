/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

static uint64_t turn(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static void rounds(uint64_t v[4], int count)
{
	while (count-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = turn(v[1], 13) ^ v[0];
		v[3] = turn(v[3], 16) ^ v[2];
		v[0] = turn(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = turn(v[1], 17) ^ v[2];
		v[3] = turn(v[3], 21) ^ v[0];
		v[2] = turn(v[2], 32);
	}
}

/* Up to eight bytes, the first one lowest. */
static uint64_t word(const char *p, size_t n)
{
	uint64_t w = 0;
	for (size_t i = 0; i < n; i++)
		w |= (uint64_t)(unsigned char)p[i] << 8 * i;
	return w;
}

uint64_t hash_of(const struct hash_key *key, str s)
{
	uint64_t v[4] = { key->k[0] ^ 0x736f6d6570736575, key->k[1] ^ 0x646f72616e646f6d,
		key->k[0] ^ 0x6c7967656e657261, key->k[1] ^ 0x7465646279746573 };
	size_t left = s.n;
	const char *p = s.p;
	for (; left >= 8; left -= 8, p += 8) {
		uint64_t w = word(p, 8);
		v[3] ^= w;
		rounds(v, 2);
		v[0] ^= w;
	}
	uint64_t last = (left > 0 ? word(p, left) : 0) | (uint64_t)s.n << 56;
	v[3] ^= last;
	rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
