/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses, sixteen bytes each: IPv4 stands as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so there is one kind only. */
#pragma once
#include "base/str.h"

struct buf;
struct address {
	uint8_t bytes[16];
};
struct network {
	struct address address;
	unsigned bits; /* 0..128; of an IPv4 network 96 + its own */
};

/* "192.0.2.1", "2001:db8::1". ERR_SYNTAX. */
err address_parse(str text, struct address *out);
void address_write(struct buf *b, const struct address *a);
bool address_is_v4(const struct address *a);
bool address_eq(const struct address *a, const struct address *b);

/* "192.0.2.0/24", "2001:db8::/32", or a single address. ERR_SYNTAX: not that, or bits set below the mask. */
err network_parse(str text, struct network *out);
void network_write(struct buf *b, const struct network *n);
bool network_has(const struct network *n, const struct address *a);
/* The network of which limits are counted: an IPv4 /24, an IPv6 /64. */
struct network network_around(const struct address *a);
/* Whether any of them has it. */
bool networks_have(const struct network *networks, size_t count, const struct address *a);
