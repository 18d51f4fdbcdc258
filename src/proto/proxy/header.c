/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/proxy/header.h"

#include "base/cur.h"

enum {
	SIGNATURE = 12,
	VERSION_2 = 2,
	LOCAL = 0,
	PROXY = 1,
	TCP4 = 0x11,
	TCP6 = 0x21,
	TCP4_BYTES = 12,
	TCP6_BYTES = 36,
	TLV_CRC32C = 0x03,
	CRC_BYTES = 4,
};

static const str signature = { "\r\n\r\n\0\r\nQUIT\n", SIGNATURE };

static unsigned byte_at(str s, size_t at) { return (unsigned char)s.p[at]; }
static unsigned two_at(str s, size_t at) { return byte_at(s, at) << 8 | byte_at(s, at + 1); }

bool proxy_header_begins(str bytes)
{
	size_t n = bytes.n < SIGNATURE ? bytes.n : SIGNATURE;
	return n > 0 && str_eq(str_slice(bytes, 0, n), str_slice(signature, 0, n));
}

err proxy_header_rest(str start, size_t *rest)
{
	if (start.n != PROXY_START || !proxy_header_begins(start) || byte_at(start, 12) >> 4 != VERSION_2 ||
		(byte_at(start, 12) & 15) > PROXY)
		return FAIL(SYNTAX);
	if (two_at(start, 14) > PROXY_REST_MAX)
		return FAIL(LIMIT);
	*rest = two_at(start, 14);
	return OK;
}

/* ---- TLVs ---- */

/* CRC-32C, over the header with the checksum's own bytes as zeros. */
static uint32_t crc32c(str header, size_t at)
{
	uint32_t crc = ~0u;
	for (size_t i = 0; i < header.n; i++) {
		crc ^= i >= at && i < at + CRC_BYTES ? 0 : byte_at(header, i);
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
	}
	return ~crc;
}

static bool crc_is_right(str header, size_t at)
{
	uint32_t said = (uint32_t)two_at(header, at) << 16 | two_at(header, at + 2);
	return crc32c(header, at) == said;
}

/* What they say is not for us, but that they are what they seem to be, and the checksum. */
static err check_tlvs(str header, size_t at)
{
	bool has_crc = false;
	for (unsigned count = 0; at < header.n; count++) {
		if (header.n - at < 3 || header.n - at - 3 < two_at(header, at + 1))
			return FAIL(SYNTAX);
		if (count == PROXY_TLVS_MAX)
			return FAIL(LIMIT);
		size_t n = two_at(header, at + 1);
		if (byte_at(header, at) == TLV_CRC32C) {
			if (has_crc || n != CRC_BYTES || !crc_is_right(header, at + 3))
				return FAIL(SYNTAX);
			has_crc = true;
		}
		at += 3 + n;
	}
	return OK;
}

/* ---- addresses ---- */

static struct address four(str header, size_t at)
{
	struct address a = { { [10] = 0xff, [11] = 0xff } };
	memcpy(a.bytes + 12, header.p + at, 4);
	return a;
}

static struct address six(str header, size_t at)
{
	struct address a;
	memcpy(a.bytes, header.p + at, sizeof a.bytes);
	return a;
}

/* *tlvs: where they begin. */
static err read_addresses(str header, struct proxy_header *h, size_t *tlvs)
{
	const size_t at = PROXY_START;
	switch (byte_at(header, 13)) {
	case TCP4:
		if (header.n < at + TCP4_BYTES)
			return FAIL(SYNTAX);
		*h = (struct proxy_header){ false, four(header, at), four(header, at + 4),
			(uint16_t)two_at(header, at + 8), (uint16_t)two_at(header, at + 10) };
		*tlvs = at + TCP4_BYTES;
		return OK;
	case TCP6:
		if (header.n < at + TCP6_BYTES)
			return FAIL(SYNTAX);
		*h = (struct proxy_header){ false, six(header, at), six(header, at + 16),
			(uint16_t)two_at(header, at + 32), (uint16_t)two_at(header, at + 34) };
		*tlvs = at + TCP6_BYTES;
		return OK;
	default:
		return FAIL(UNSUPPORTED);
	}
}

err proxy_header_parse(str header, struct proxy_header *out)
{
	struct proxy_header h = { .is_local = true };
	size_t rest, tlvs;
	TRY(proxy_header_rest(str_slice(header, 0, PROXY_START), &rest));
	if (header.n != PROXY_START + rest)
		return FAIL(SYNTAX);
	if ((byte_at(header, 12) & 15) == LOCAL) {
		*out = h; /* what stands behind is to be ignored, whatever it is */
		return OK;
	}
	TRY(read_addresses(header, &h, &tlvs));
	TRY(check_tlvs(header, tlvs));
	*out = h;
	return OK;
}
