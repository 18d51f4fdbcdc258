/* SPDX-License-Identifier: Apache-2.0 */
/* Which addresses a foreign domain may name: a server that connects wherever the DNS points can be sent to the printers,
 * routers and databases of its own house. */
#pragma once
#include "base/address.h"

/* NULL: an address of the public Internet. Otherwise what it is instead ("loopback"), static memory. An IPv4 address
 * inside an IPv6 one (RFC 6052, RFC 3056) counts as that address. */
const char *address_unreachable(const struct address *a);
