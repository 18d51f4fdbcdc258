/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "base/arena.h"

/* Lists the mail that waits: the caller's own, to root all of it. socket: that of local mail, which the door for this lies
 * beside. Gives an exit status of sysexits(3). */
int mailq_run(const char *socket, struct arena *a);
