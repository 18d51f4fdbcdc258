/* SPDX-License-Identifier: Apache-2.0 */
/* What memory knows of a destination, for a person. */
#pragma once
#include "base/json.h"
#include "role/queue/remote.h"

/* As `siegel queue show` has it, in milliseconds; the object is begun and ended by the caller. False: nothing. */
bool destination_show(struct remote *r, str domain, struct json *j);
/* The same without its name and its time; and when it may be given the next job, UTC, 0: now. stored: its row in the store, or
 * NULL, which counts until memory has looked at it. */
void destination_put(
	struct remote *r, str domain, const struct spool_destination *stored, struct json *j, int64_t *next);
