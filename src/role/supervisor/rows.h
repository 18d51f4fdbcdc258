/* SPDX-License-Identifier: Apache-2.0 */
/* The table of processes and who talks to whom, as data. */
#pragma once
#include "base/str.h"

enum row_flag {
	OFFLINE = 1 << 0,
	RELOADED = 1 << 1,
	PER_CORE = 1 << 2,
	ON_DEMAND = 1 << 3,
	OFFLINE_QUEUE = 1 << 4,
	RENEWED = 1 << 5,
};
enum { PHASES = 7 };

struct row {
	const char *role, *instance;
	const char
		*home; /* a folder of the installation; of a process ON_DEMAND the one that holds its own; "": none */
	const char *sections, *listeners; /* words separated by blanks */
	unsigned phase, flags;
};

enum {
#define PROCESS(role, instance, home, sections, listeners, phase, flags) +1
	ROWS = 0
#include "role/supervisor/processes.def"
#undef PROCESS
};
extern const struct row rows[ROWS];

/* NULL: no such role. The first row of a role with several. */
const struct row *row_of(str role);
/* Whether two roles have a channel between them. */
bool row_pair(str one, str other);
/* Whether a list of words, as in a row, has this one. */
bool row_has(const char *words, str word);
/* Whether several processes of the role can run at once, which then share a user. */
bool row_is_shared(const struct row *r);
