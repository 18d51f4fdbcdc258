/* SPDX-License-Identifier: Apache-2.0 */
/* Refused attempts to relay from networks that may need a line in relay.relay_networks: private ones, and those from which
 * somebody has logged in. They are gathered in memory and written now and then, so that a flood of attempts costs no
 * writes. */
#pragma once
#include "base/address.h"
#include "base/log.h"
#include "os/loop.h"
#include "store/directory/network.h"

struct networks;

/* NULL: the arena is spent. The store may be set later, before anything else is called. */
struct networks *networks_new(struct arena *a, struct loop *loop, const struct log *log, struct directory *store);

/* is_internal: the client is in server.internal_networks. */
void networks_refused(struct networks *n, const struct address *client, bool is_internal, str sender, str recipient);
/* Somebody has logged in from there. */
void networks_logged_in(struct networks *n, const struct address *client);
/* Writes what was gathered. */
void networks_flush(struct networks *n);
