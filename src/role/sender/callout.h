/* SPDX-License-Identifier: Apache-2.0 */
/* A question of `directory`, as a job: it waits at its destination, goes to a connection, and is answered by its thread. */
#pragma once
#include "ipc/callout.h"
#include "role/sender/job.h"

struct callout {
	uint32_t tag, directory; /* the question's, and which channel it came over */
	int64_t deadline;        /* clock_ms() */
	bool answered;           /* otherwise the job's outcome says why not */
	enum callout_answer answer;
	unsigned code;
	str status, text; /* in the job's arena */
	uint64_t size_max;
};
