/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's Landlock, for os/confine.c. */
#pragma once
#include <stdbool.h>

#include "base/err.h"

/* The highest ABI that the kernel offers; 0: none. */
unsigned landlock_offered(void);

/* Nothing but the files below home (-1: none) from here on, by that ABI, which the kernel must offer; no TCP unless
 * connects, no signals and abstract sockets outside. Needs no_new_privs. ERR_SYSTEM, with errno. */
err landlock_confine(int home, unsigned abi, bool connects);
