/* SPDX-License-Identifier: Apache-2.0 */
/* The list of this machine's users (files.def), handed to `directory` again whenever it has changed. */
#pragma once
#include "role/supervisor/state.h"

/* From now on it is looked at now and then. */
void machine_users_watch(struct supervisor *s);
