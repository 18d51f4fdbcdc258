/* SPDX-License-Identifier: Apache-2.0 */
/* Eight bytes at once: by the instruction for it, where the processor has it, else by tables, of which number n holds what a byte
 * becomes after n more bytes of zero (Kounavis, Berry 2005). */
#include "base/checksum.h"

#include <endian.h>

enum { TABLES = 8, BITS = 8 };

static uint32_t tables[TABLES][256];

/* Before main(), when there is one thread. */
static void __attribute__((constructor)) make_tables(void)
{
	const uint32_t polynomial = 0x82f63b78; /* 0x1edc6f41, the lowest bit first */
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t c = byte;
		for (unsigned bit = 0; bit < BITS; bit++)
			c = (c & 1) != 0 ? c >> 1 ^ polynomial : c >> 1;
		tables[0][byte] = c;
	}
	for (unsigned n = 1; n < TABLES; n++)
		for (unsigned byte = 0; byte < 256; byte++)
			tables[n][byte] = tables[n - 1][byte] >> 8 ^ tables[0][tables[n - 1][byte] & 0xff];
}

static uint32_t add_eight(uint32_t c, const char *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof word);
	word = le64toh(word) ^ c;
	return tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^ tables[5][word >> 16 & 0xff] ^
	       tables[4][word >> 24 & 0xff] ^ tables[3][word >> 32 & 0xff] ^ tables[2][word >> 40 & 0xff] ^
	       tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
}

static uint32_t add_by_tables(uint32_t c, str bytes)
{
	size_t at = 0;
	for (; at + sizeof(uint64_t) <= bytes.n; at += sizeof(uint64_t))
		c = add_eight(c, bytes.p + at);
	for (; at < bytes.n; at++)
		c = c >> 8 ^ tables[0][(c ^ (unsigned char)bytes.p[at]) & 0xff];
	return c;
}

#ifdef __x86_64__
static __attribute__((target("sse4.2"))) uint32_t add_by_instruction(uint32_t sum, str bytes)
{
	uint64_t c = sum;
	size_t at = 0;
	for (; at + sizeof(uint64_t) <= bytes.n; at += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, bytes.p + at, sizeof word);
		c = __builtin_ia32_crc32di(c, word);
	}
	return add_by_tables((uint32_t)c, str_after(bytes, at));
}

static bool has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#else
static uint32_t add_by_instruction(uint32_t sum, str bytes) { return add_by_tables(sum, bytes); }
static bool has_instruction(void) { return false; }
#endif

uint32_t checksum_add(uint32_t sum, str bytes)
{
	return ~(has_instruction() ? add_by_instruction(~sum, bytes) : add_by_tables(~sum, bytes));
}

uint32_t checksum_add_by_tables(uint32_t sum, str bytes) { return ~add_by_tables(~sum, bytes); }
