/* SPDX-License-Identifier: Apache-2.0 */
#include "role/hasher/jobs.h"

#include <unistd.h>

#include "base/arena.h"
#include "role/hasher/argon.h"

enum state { FREE, WAITING, RUNNING, DONE };

struct jobs {
	pthread_mutex_t lock;
	pthread_cond_t work;
	int ready;
	struct {
		struct job job;
		enum state state;
		uint64_t order; /* first come, first served */
	} places[JOBS_MAX];
	uint64_t next_order;
};

/* The place in that state that has been so for longest, or -1. The lock is held. */
static int oldest(const struct jobs *j, enum state state)
{
	int found = -1;
	for (int i = 0; i < JOBS_MAX; i++)
		if (j->places[i].state == state && (found < 0 || j->places[i].order < j->places[found].order))
			found = i;
	return found;
}

static void run(struct job *job)
{
	str password = str_from(job->password, job->password_n);
	err e;
	if (job->makes) {
		struct buf hash = BUF_ON(job->hash);
		e = password_hash(password, &hash);
		job->hash_n = hash.n;
	} else {
		e = password_verify(password, str_from(job->hash, job->hash_n), &job->match);
		job->hash_n = 0;
	}
	job->failed = failed(e);
	job->match = job->match && !job->failed;
}

static void *work(void *arg)
{
	struct jobs *j = arg;
	const uint64_t one = 1;
	pthread_mutex_lock(&j->lock);
	for (;;) {
		int at = oldest(j, WAITING);
		if (at < 0) {
			pthread_cond_wait(&j->work, &j->lock);
			continue;
		}
		j->places[at].state = RUNNING;
		pthread_mutex_unlock(&j->lock);
		run(&j->places[at].job);
		pthread_mutex_lock(&j->lock);
		j->places[at].state = DONE;
		if (write(j->ready, &one, sizeof one) < 0)
			continue; /* only a full counter refuses, and then the loop is awake already */
	}
	return NULL;
}

err jobs_start(int ready, struct jobs **out)
{
	static struct jobs jobs = { .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER };
	pthread_t thread;
	jobs.ready = ready;
	for (int i = 0; i < JOB_THREADS; i++)
		if (pthread_create(&thread, NULL, work, &jobs) != 0 || pthread_detach(thread) != 0)
			return FAIL(SYSTEM);
	*out = &jobs;
	return OK;
}

err jobs_add(struct jobs *j, const struct job *job)
{
	pthread_mutex_lock(&j->lock);
	int at = oldest(j, FREE);
	if (at >= 0) {
		j->places[at].job = *job;
		j->places[at].state = WAITING;
		j->places[at].order = j->next_order++;
		pthread_cond_signal(&j->work);
	}
	pthread_mutex_unlock(&j->lock);
	return at >= 0 ? OK : FAIL(BUSY);
}

struct job *jobs_done(struct jobs *j)
{
	pthread_mutex_lock(&j->lock);
	int at = oldest(j, DONE);
	pthread_mutex_unlock(&j->lock);
	return at >= 0 ? &j->places[at].job : NULL;
}

void jobs_free(struct jobs *j, struct job *job)
{
	pthread_mutex_lock(&j->lock);
	for (int i = 0; i < JOBS_MAX; i++)
		if (&j->places[i].job == job)
			j->places[i].state = FREE;
	wipe(job, sizeof *job);
	pthread_mutex_unlock(&j->lock);
}
