/* SPDX-License-Identifier: Apache-2.0 */
/* A new configuration for a server that goes on: new receivers and greeters beside the old ones, which finish what they
 * have; the same listening sockets; new settings for those that go on with what they hold. */
#pragma once
#include "role/supervisor/state.h"

/* caller: the command to answer when all new processes serve and the others have the settings; NULL: a signal asked. */
void reload_begin(struct supervisor *s, struct admin *caller);
/* One more of the new processes serves; or one did not come to it. */
void reload_step(struct supervisor *s);
void reload_failed(struct supervisor *s, const char *reason);
/* A process has answered whether it goes on with the new settings; or it has ended. */
void reload_renewed(struct process *p, bool taken);
void reload_forget(struct process *p);
