/* SPDX-License-Identifier: Apache-2.0 */
/* Networks whose clients were refused to relay and may need a line in relay.relay_networks; and networks from which
 * somebody has logged in. At most DIRECTORY_NETWORKS_MAX are kept, those last seen. */
#pragma once
#include "store/directory/directory.h"

enum { DIRECTORY_NETWORKS_MAX = 20000 };

struct directory_network {
	str name; /* "192.0.2.0/24" */
	uint64_t refused;
	int64_t first_refused, last_refused; /* UTC ms, as all times here; 0: never */
	int64_t alarmed, logged_in;
	str client, sender, recipient; /* of the last refused attempt */
};

/* The texts but name are left absent. ERR_ABSENT: nothing is known of it. */
err directory_network_find(struct directory *d, str name, struct directory_network *out);

/* Writes what is known of several networks in one transaction: refused attempts where refused is not 0, the last login
 * where logged_in is not 0; the rest stays as it was. */
err directory_networks_save(struct directory *d, const struct directory_network *networks, size_t count);

typedef void directory_network_fn(void *ctx, const struct directory_network *network);
/* Those with refused attempts, the latest first, at most 1000. */
err directory_each_network(struct directory *d, directory_network_fn *each, void *ctx);
