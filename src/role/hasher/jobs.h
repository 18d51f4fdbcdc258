/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs for two threads: more would only take memory and the processors away from mail. The places are fixed; a job that
 * finds none is refused. */
#pragma once
#include <pthread.h>

#include "base/buf.h"

enum { JOBS_MAX = 64, JOB_THREADS = 2, JOB_PASSWORD_MAX = 1024, JOB_HASH_MAX = 256 };

struct job {
	uint32_t tag;
	uint32_t asker; /* which channel of the asker's; an answer for an earlier one is dropped */
	bool makes;     /* a hash; otherwise verifies one */
	char password[JOB_PASSWORD_MAX], hash[JOB_HASH_MAX];
	size_t password_n, hash_n;
	bool match, failed; /* the results; and hash, where makes */
};

struct jobs;

/* Starts the threads. ready is an eventfd, kept by the caller, that is written to when jobs are done. Never ends. */
err jobs_start(int ready, struct jobs **out);
/* Copies the job. ERR_BUSY: there is no place. */
err jobs_add(struct jobs *j, const struct job *job);
/* The next job that is done, or NULL; it keeps its place until jobs_free(), which wipes it. */
struct job *jobs_done(struct jobs *j);
void jobs_free(struct jobs *j, struct job *job);
