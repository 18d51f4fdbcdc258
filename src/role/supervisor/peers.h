/* SPDX-License-Identifier: Apache-2.0 */
/* Channels between processes: both ends are made here and sent over the two lifelines. */
#pragma once
#include "role/supervisor/state.h"

/* Gives a process that starts a channel to everyone who is up and whom pairs.def lets it talk to, and the log's. Fails only
 * on account of p; a peer that cannot be reached is dying, and will be connected when it is started again. */
err peers_connect(struct process *p);
