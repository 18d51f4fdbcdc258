/* SPDX-License-Identifier: Apache-2.0 */
/* Confinement of the calling process, for good: resource limits, no_new_privs, Landlock, seccomp. What a role may do is
 * data: permissions, each standing for a short list of system calls in os/calls.def. A forbidden call ends the process. */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum permission {
	MAY_WORK = 1 << 0,     /* memory, threads, clocks, random bytes, epoll, reading and writing open descriptors */
	MAY_TALK = 1 << 1,     /* send and receive on open sockets and pass descriptors, make socket pairs */
	MAY_ACCEPT = 1 << 2,   /* accept on given listeners */
	MAY_FILES = 1 << 3,    /* open, make, sync, lock, remove, rename files in its home folder (and only there: Landlock) */
	MAY_LINK = 1 << 4,     /* give an unnamed file a name in its home folder */
	MAY_CONNECT = 1 << 5,  /* make sockets and connect */
	MAY_MEMFD = 1 << 6,    /* make sealed memory files */
	MAY_APPEND = 1 << 7,   /* the logger's: open and append to files in its home folder */
};

struct confinement {
	unsigned may;
	size_t memory_max; /* bytes of address space, RLIMIT_AS; 0: no limit */
	unsigned files_max;
	unsigned threads_max;
	unsigned nice; /* added to the priority: 0..19 */
};

struct confined {
	unsigned landlock; /* ABI in force; 0: none */
	bool seccomp;
};

/* home: descriptor of the folder that stays reachable, or -1: no file at all. landlock_max: use no newer ABI than this.
 * ERR_UNSUPPORTED: the kernel lacks Landlock or seccomp; what there is is in force. ERR_SYSTEM: a call failed. */
err confine(const struct confinement *c, const char *role, int home, unsigned landlock_max, struct confined *out);
