/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to `hasher` that are open. Each is answered exactly once, by then() from the loop: by `hasher`, or as failed
 * when it takes too long or has gone; unless whoever asked forgot it. */
#pragma once
#include "ipc/channel.h"
#include "os/loop.h"

enum { HASH_JOBS_MAX = 128, HASH_PATIENCE_MS = 15000 };

struct job_result {
	bool failed, match;
	str hash; /* of job_make(); lives until then() returns */
};
typedef void job_then_fn(void *ctx, const struct job_result *result);

struct job {
	struct jobs *jobs;
	job_then_fn *then; /* NULL: this place is free */
	void *ctx;
	uint32_t tag;
	struct loop_timer timer;
};

struct jobs {
	struct loop *loop;
	struct channel *hasher; /* NULL: not there */
	uint32_t next;
	struct job places[HASH_JOBS_MAX];
};

/* *out is the tag of the job for job_forget(). ERR_BUSY: too many are open; ERR_CLOSED: no hasher; then() is not called then. */
err job_verify(struct jobs *j, str password, str hash, job_then_fn *then, void *ctx, uint32_t *out);
err job_make(struct jobs *j, str password, job_then_fn *then, void *ctx, uint32_t *out);
/* Whoever asked has gone. Harmless for a job that was answered. */
void job_forget(struct jobs *j, uint32_t tag);

/* The answer of hasher. An answer to nothing is ignored: it may have been forgotten. */
void jobs_answer(struct jobs *j, uint32_t tag, const struct job_result *result);
/* hasher has gone: all fail. */
void jobs_fail(struct jobs *j);
