/* SPDX-License-Identifier: Apache-2.0 */
/* Which program listens on a TCP port of this machine, as /proc tells. */
#pragma once
#include "base/buf.h"

struct holder {
	int pid; /* 0: a process that we may not look at */
	char name[32];
};
/* False: nobody listens there. */
bool holder_find(unsigned port, struct holder *out);
