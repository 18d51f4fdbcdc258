/* SPDX-License-Identifier: Apache-2.0 */
/* The header that a proxy puts in front of a connection it passes on: version 2 of HAProxy's PROXY protocol ("The PROXY
 * protocol", versions 1 & 2, 2.2), and nothing else. Version 1 is text that a client could have written. */
#pragma once
#include "base/address.h"
#include "base/str.h"

enum {
	PROXY_START = 16,      /* bytes from which the length of the rest is known */
	PROXY_REST_MAX = 2048, /* addresses and all TLVs together */
	PROXY_TLVS_MAX = 64,
};

struct proxy_header {
	bool is_local; /* the proxy speaks for itself; there are no addresses */
	struct address source, destination;
	uint16_t source_port, destination_port;
};

/* start: the first PROXY_START bytes. How many follow. ERR_SYNTAX: this is no such header; ERR_LIMIT: it is too long. */
err proxy_header_rest(str start, size_t *rest);

/* header: all of it, and nothing behind.
 *   ERR_SYNTAX       it does not follow the rules, or its checksum is wrong
 *   ERR_LIMIT        it is too long, or has too many TLVs
 *   ERR_UNSUPPORTED  a connection that is not of TCP over IPv4 or IPv6, or whose address the proxy does not know */
err proxy_header_parse(str header, struct proxy_header *out);

/* Whether bytes, as many as there are, could be the start of such a header. */
bool proxy_header_begins(str bytes);
