/* SPDX-License-Identifier: Apache-2.0 */
#include "role/hasher/hasher.h"

#include <sys/eventfd.h>

#include "os/fd.h"
#include "role/hasher/jobs.h"

#define CONVERSATION "ipc/directory_hasher.def"
#include "ipc/conversation.h"

enum { RETRY_MS = 50 };

struct hasher {
	struct service *service;
	struct peer directory;
	struct loop_watch ready_watch;
	struct loop_timer retry;
	uint32_t asker;
	struct jobs *jobs;
	int ready;
};

static err answer(struct hasher *h, const struct job *job)
{
	const struct msg_hash_done m = {
		.match = job->match,
		.failed = job->failed,
		.hash = job->makes && !job->failed ? str_from(job->hash, job->hash_n) : S(""),
	};
	return peer_is_open(&h->directory) && job->asker == h->asker
		       ? msg_send_hash_done(&h->directory.channel, job->tag, &m)
		       : OK;
}

/* Tells about all jobs that are done. Where the channel is full for the moment the rest waits a little. */
static void answer_all(void *to)
{
	struct hasher *h = to;
	struct job *job;
	while ((job = jobs_done(h->jobs)) != NULL) {
		err e = answer(h, job);
		if (e.code == ERR_BUSY) {
			loop_timer_start(h->service->loop, &h->retry, RETRY_MS, answer_all, h);
			return;
		}
		jobs_free(h->jobs, job);
		if (failed(e)) {
			peer_close(&h->directory);
			h->asker++;
		}
	}
}

static void on_ready(void *to, uint32_t events)
{
	struct hasher *h = to;
	uint64_t count;
	size_t got;
	(void)events;
	IGNORE(fd_read(h->ready, &count, sizeof count, &got)); /* only to be woken */
	answer_all(h);
}

/* ---- what directory asks ---- */

static err add(struct hasher *h, struct job *job, str password)
{
	job->asker = h->asker;
	job->password_n = password.n;
	if (password.n > 0)
		memcpy(job->password, password.p, password.n);
	err e = jobs_add(h->jobs, job);
	if (failed(e)) {
		job->failed = true;
		e = answer(h, job);
	}
	wipe(job, sizeof *job);
	return e.code == ERR_BUSY ? OK : e; /* an asker that does not read gets no answer */
}

static err on_hash_verify(struct hasher *h, const struct msg_hash_verify *m, uint32_t tag)
{
	struct job job = { .tag = tag, .hash_n = m->hash.n };
	_Static_assert(sizeof job.hash >= 256 && sizeof job.password >= 1024, "as directory_hasher.def has them");
	if (m->hash.n > 0)
		memcpy(job.hash, m->hash.p, m->hash.n);
	return add(h, &job, m->password);
}

static err on_hash_make(struct hasher *h, const struct msg_hash_make *m, uint32_t tag)
{
	struct job job = { .tag = tag, .makes = true };
	return add(h, &job, m->password);
}

#define CONVERSATION "ipc/directory_hasher.def"
#define HEAR directory_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

/* What was asked by one is not answered to the next. */
static void gone(void *to)
{
	struct hasher *h = to;
	h->asker++;
}

static const struct peer_kind directory_kind = {
	.name = "directory", .hear = directory_hear, .gone = gone, .secret = true
};

/* ---- the role ---- */

void hasher_prepare(struct service *s)
{
	static struct hasher hasher;
	hasher = (struct hasher){ .service = s, .ready = -1 };
	peer_init(&hasher.directory, s, &directory_kind, &hasher);
	s->state = &hasher;
}

void hasher_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct hasher *h = s->state;
	(void)account;
	(void)pid;
	if (!str_eq(peer, S("directory"))) {
		fd_close(&fd);
		return;
	}
	h->asker++;
	IGNORE(peer_open(&h->directory, fd)); /* or it finds its end closed */
}

err hasher_start(struct service *s)
{
	struct hasher *h = s->state;
	h->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (h->ready < 0)
		return FAIL(SYSTEM);
	TRY(jobs_start(h->ready, &h->jobs));
	return loop_add(s->loop, &h->ready_watch, h->ready, EPOLLIN, on_ready, h);
}
