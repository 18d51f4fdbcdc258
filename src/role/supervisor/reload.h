/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration for a server that goes on: new receivers and greeters beside the old ones, which finish what they
 * have; the same listening sockets; new keys for those who hold them. */
#pragma once
#include "role/supervisor/state.h"

/* caller: the command to answer when all new processes serve; NULL: a signal asked. */
void reload_begin(struct supervisor *s, struct admin *caller);
/* One more of the new processes serves; or one did not come to it. */
void reload_step(struct supervisor *s);
void reload_failed(struct supervisor *s);
