/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/jobs.h"

#define CONVERSATION "ipc/directory_hasher.def"
#include "ipc/conversation.h"

/* Tags count up, so that a late answer never meets a later question; the place is the tag's remainder. */
static struct job *take(struct jobs *j)
{
	for (int i = 0; i < HASH_JOBS_MAX; i++) {
		struct job *job = &j->places[++j->next % HASH_JOBS_MAX];
		if (j->next != 0 && job->then == NULL) {
			job->tag = j->next;
			return job;
		}
	}
	return NULL;
}

static void finish(struct job *job, const struct job_result *result)
{
	job_then_fn *then = job->then;
	loop_timer_stop(job->jobs->loop, &job->timer);
	job->then = NULL;
	then(job->ctx, result);
}

static void time_out(void *to) { finish(to, &(const struct job_result){ .failed = true }); }

static struct job *find(struct jobs *j, uint32_t tag)
{
	struct job *job = &j->places[tag % HASH_JOBS_MAX];
	return job->then != NULL && job->tag == tag ? job : NULL;
}

static uint32_t enlist(struct jobs *j, struct job *job, job_then_fn *then, void *ctx)
{
	job->jobs = j;
	job->then = then;
	job->ctx = ctx;
	loop_timer_start(j->loop, &job->timer, HASH_PATIENCE_MS, time_out, job);
	return job->tag;
}

err job_verify(struct jobs *j, str password, str hash, job_then_fn *then, void *ctx, uint32_t *out)
{
	const struct msg_hash_verify m = { .password = password, .hash = hash };
	struct job *job = take(j);
	if (j->hasher == NULL)
		return FAIL(CLOSED);
	if (job == NULL)
		return FAIL(BUSY);
	TRY(msg_send_hash_verify(j->hasher, job->tag, &m));
	wipe(j->hasher->out->bytes, j->hasher->out->n);
	*out = enlist(j, job, then, ctx);
	return OK;
}

err job_make(struct jobs *j, str password, job_then_fn *then, void *ctx, uint32_t *out)
{
	const struct msg_hash_make m = { .password = password };
	struct job *job = take(j);
	if (j->hasher == NULL)
		return FAIL(CLOSED);
	if (job == NULL)
		return FAIL(BUSY);
	TRY(msg_send_hash_make(j->hasher, job->tag, &m));
	wipe(j->hasher->out->bytes, j->hasher->out->n);
	*out = enlist(j, job, then, ctx);
	return OK;
}

void job_forget(struct jobs *j, uint32_t tag)
{
	struct job *job = find(j, tag);
	if (job == NULL)
		return;
	loop_timer_stop(j->loop, &job->timer);
	job->then = NULL;
}

void jobs_answer(struct jobs *j, uint32_t tag, const struct job_result *result)
{
	struct job *job = find(j, tag);
	if (job != NULL)
		finish(job, result);
}

void jobs_fail(struct jobs *j)
{
	j->hasher = NULL;
	for (int i = 0; i < HASH_JOBS_MAX; i++)
		if (j->places[i].then != NULL)
			finish(&j->places[i], &(const struct job_result){ .failed = true });
}
