/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody may have meant who wrote a name that does not exist. */
#pragma once
#include "base/str.h"

struct nearest {
	str word;  /* what was written */
	str found; /* NO_STR: nothing is near */
	unsigned distance;
};

static inline struct nearest nearest_to(str word) { return (struct nearest){ .word = word, .distance = 3 }; }
/* Considers one name. A name is near that differs in at most two letters added, dropped, changed or swapped, and in fewer
 * than half of them; the nearest one stays in found. */
void nearest_try(struct nearest *n, str candidate);
