/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement of the calling process, for good: resource limits, no_new_privs, Landlock, seccomp. What each role may do is
 * data: os/roles.def names permissions, os/calls.def says which system calls a permission stands for. A call that is not
 * listed ends the process. */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum permission {
#define PERMISSION(name, bit, text) MAY_##name = 1 << (bit),
#include "os/permissions.def"
#undef PERMISSION
};

struct confinement {
	const char *role;
	unsigned may;
	size_t memory_max; /* bytes of writable memory; 0: no limit */
	unsigned files_max;
	unsigned threads_max; /* in force where the process has a user number of its own */
	int nice; /* this much more than the server's */
};

struct confined {
	unsigned landlock; /* ABI in force; 0: none */
	bool seccomp;
};

/* The row of os/roles.def; NULL: no such role. */
const struct confinement *confinement_of(str role);

/* home: the folder that stays reachable, or -1: no file at all. landlock_max: use no newer ABI than this. own_user: no
 * other role runs as this user. Must be called while there is one thread.
 *   ERR_UNSUPPORTED  the kernel lacks Landlock or seccomp; what there is is in force
 *   ERR_SYSTEM       a call failed; the process must end
 * A build with sanitizers, which need what is forbidden here, sets limits only and says so in *out. */
err confine(const struct confinement *c, int home, unsigned landlock_max, bool own_user, struct confined *out);
