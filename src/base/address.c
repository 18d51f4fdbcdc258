/* SPDX-License-Identifier: Apache-2.0 */
#include "base/address.h"

#include "base/buf.h"

#include <arpa/inet.h>

enum { V4_BITS = 96 }; /* of the prefix that marks an IPv4 address */

static const uint8_t v4_prefix[12] = { [10] = 0xff, [11] = 0xff };

bool address_is_v4(const struct address *a) { return memcmp(a->bytes, v4_prefix, sizeof v4_prefix) == 0; }

bool address_eq(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

err address_parse(str text, struct address *out)
{
	char copy[INET6_ADDRSTRLEN];
	struct address a = { { 0 } };
	if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n) != NULL)
		return FAIL(SYNTAX);
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (inet_pton(AF_INET, copy, a.bytes + sizeof v4_prefix) == 1)
		memcpy(a.bytes, v4_prefix, sizeof v4_prefix);
	else if (inet_pton(AF_INET6, copy, a.bytes) != 1)
		return FAIL(SYNTAX);
	*out = a;
	return OK;
}

void address_write(struct buf *b, const struct address *a)
{
	char text[INET6_ADDRSTRLEN] = "";
	if (address_is_v4(a))
		inet_ntop(AF_INET, a->bytes + sizeof v4_prefix, text, sizeof text);
	else
		inet_ntop(AF_INET6, a->bytes, text, sizeof text);
	buf_add(b, str_of(text));
}

/* The address with all bits from there on cleared. */
static struct address masked(const struct address *a, unsigned bits)
{
	struct address out = *a;
	for (unsigned i = 0; i < sizeof out.bytes; i++) {
		unsigned kept = bits > 8 * i ? bits - 8 * i : 0;
		if (kept < 8)
			out.bytes[i] = (uint8_t)(out.bytes[i] & (0xff00U >> kept));
	}
	return out;
}

err network_parse(str text, struct network *out)
{
	struct network n = { .bits = 128 };
	str rest = text, head = text;
	uint64_t bits;
	bool has_bits = str_cut(&rest, '/', &head);
	TRY(address_parse(head, &n.address));
	if (has_bits) {
		unsigned before = address_is_v4(&n.address) && str_find(head, ':') == STR_NONE ? V4_BITS : 0;
		if (failed(str_number(rest, 128 - before, &bits)))
			return FAIL(SYNTAX);
		n.bits = before + (unsigned)bits;
	}
	struct address clean = masked(&n.address, n.bits);
	if (!address_eq(&clean, &n.address))
		return FAIL(SYNTAX);
	*out = n;
	return OK;
}

void network_write(struct buf *b, const struct network *n)
{
	bool v4 = address_is_v4(&n->address) && n->bits >= V4_BITS;
	address_write(b, &n->address);
	if (n->bits == 128)
		return;
	buf_byte(b, '/');
	buf_number(b, v4 ? n->bits - V4_BITS : n->bits);
}

bool network_has(const struct network *n, const struct address *a)
{
	struct address there = masked(a, n->bits);
	return address_eq(&there, &n->address);
}

struct network network_around(const struct address *a)
{
	unsigned bits = address_is_v4(a) ? V4_BITS + 24 : 64;
	return (struct network){ masked(a, bits), bits };
}

bool networks_have(const struct network *networks, size_t count, const struct address *a)
{
	for (size_t i = 0; i < count; i++)
		if (network_has(&networks[i], a))
			return true;
	return false;
}
