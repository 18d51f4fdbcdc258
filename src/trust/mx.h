/* SPDX-License-Identifier: Apache-2.0 */
/* In which order the hosts of a domain are tried. RFC 5321 5.1. */
#pragma once
#include "base/str.h"

/* More hosts than that are not looked at: the worst are left out. */
enum { MX_HOSTS_MAX = 16 };

struct mx_host {
	uint16_t preference;
	str host;
};

enum mx_verdict {
	MX_USABLE,
	MX_NULL, /* the domain says that it takes no mail: 556 5.1.10, RFC 7505 3 */
	MX_LOOP, /* nobody is better than we are: 5.4.6 */
	MX_NONE, /* no host that could be asked */
};

/* Orders *count hosts in place, best first, those of one preference by chance; takes out what cannot be a host, what comes
 * twice, and, when we are named ourselves, us and all that are no better than we; *count is then what is left.
 *     own     our names
 *     chance  random numbers below its argument */
enum mx_verdict mx_order(
	struct mx_host *hosts, size_t *count, const str *own, size_t own_count, uint64_t (*chance)(uint64_t below));
