/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a program by its descriptor, as somebody else, with nothing but what it is handed. */
#pragma once
#include "base/err.h"

#include <sys/types.h>

struct spawn {
	int program;       /* descriptor of the executable */
	int lifeline;      /* becomes descriptor 3 */
	int errors;        /* becomes descriptor 2 */
	int home;          /* becomes descriptor 4 and the current folder; -1: none, and the current folder is / */
	bool changes_user; /* only root can */
	uid_t user;
	gid_t group;
	char *const *arguments; /* ends with NULL */
};

/* Descriptors 0 to 4 must be taken in this process, so that nothing stands in the way of the new ones: once, at the start.
 * ERR_SYSTEM. */
err spawn_prepare(void);

/* process: a descriptor that becomes readable when the process ends. The new program runs when this returns, or has not
 * been started: ERR_SYSTEM, with errno. All other descriptors must close on exec. */
err spawn(const struct spawn *s, pid_t *pid, int *process);
