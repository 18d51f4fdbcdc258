/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash-2-4 (Aumasson, Bernstein 2012): with a random key nobody outside can find texts that collide, nor turn a
 * pseudonym in a log back into an address by trying addresses. No fingerprint of files: 64 bits are too few. */
#pragma once
#include "base/str.h"

struct hash_key {
	uint64_t k[2];
};

uint64_t hash_of(const struct hash_key *key, str s);
