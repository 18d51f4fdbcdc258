/* SPDX-License-Identifier: Apache-2.0 */
/* The line between the main loop and the sessions' threads. A thread takes connections that have been greeted, one after the
 * other; there are as many threads as were ever needed at once, up to a limit, and what is greeted meanwhile waits. */
#include <errno.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "os/fd.h"
#include "role/sender/sender.h"

enum { STACK_BYTES = 256 << 10, ASKING_THREADS = 50 };

static void wake_loop(struct sender *s)
{
	const uint64_t one = 1;
	ssize_t written = write(s->wake, &one, sizeof one);
	(void)written; /* only a full counter refuses, and then the loop is awake already */
}

/* ---- threads ---- */

/* Whether the loop was told of something that it has not taken yet. The lock is held. */
static bool has_news(const struct sender *s) { return s->done != NULL || s->ended != NULL; }

/* The thread counts as idle when it comes. */
static struct connection *take_greeted(struct sender *s)
{
	struct connection *c;
	pthread_mutex_lock(&s->lock);
	while ((c = turns_next(s)) == NULL)
		pthread_cond_wait(&s->greeted, &s->lock);
	s->threads_idle--;
	pthread_mutex_unlock(&s->lock);
	return c;
}

static void *work(void *to)
{
	struct sender *s = to;
	for (;;) {
		struct connection *c = take_greeted(s);
		session_run(c);
		pthread_mutex_lock(&s->lock);
		bool woken = has_news(s);
		s->threads_idle++;
		turns_job(c, NULL);
		c->next_greeted = s->ended;
		s->ended = c;
		pthread_mutex_unlock(&s->lock);
		if (!woken)
			wake_loop(s);
	}
	return NULL;
}

static bool start_thread(struct sender *s)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	int failure = pthread_create(&thread, &attributes, work, s);
	pthread_attr_destroy(&attributes);
	return failure == 0;
}

void threads_give(struct connection *c)
{
	struct sender *s = c->sender;
	c->state = CONNECTION_SESSION;
	pthread_mutex_lock(&s->lock);
	turns_add(c);
	/* Servers that are slow to take mail hold up no question. */
	const size_t most = s->conf->sender.sessions_max + (c->destination->asks ? ASKING_THREADS : 0);
	const bool starts = turns_lack_thread(s) && s->threads < most;
	s->threads += starts;
	s->threads_idle += starts;
	pthread_cond_signal(&s->greeted);
	turns_make_room(s);
	pthread_mutex_unlock(&s->lock);
	if (starts && !start_thread(s)) {
		pthread_mutex_lock(&s->lock);
		s->threads--;
		s->threads_idle--;
		pthread_mutex_unlock(&s->lock);
	}
}

/* ---- jobs ---- */

static struct job *take_waiting(struct connection *c)
{
	struct destination *d = c->destination;
	struct job *j = d->first;
	if (j == NULL)
		return NULL;
	d->first = j->next;
	if (d->first == NULL)
		d->last = NULL;
	d->waiting--;
	j->state = JOB_UNDERWAY;
	return j;
}

static void leave_idle(struct connection *c)
{
	struct connection **at = &c->destination->idle;
	while (*at != NULL && *at != c)
		at = &(*at)->next_idle;
	if (*at == c)
		*at = c->next_idle;
}

static struct job *wait_for_job(struct connection *c, int64_t linger)
{
	struct sender *s = c->sender;
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += linger;
	c->next_idle = c->destination->idle;
	c->destination->idle = c;
	turns_linger(c);
	int status = 0;
	while (c->given == NULL && status != ETIMEDOUT && !s->retiring && !c->yields)
		status = pthread_cond_timedwait(&c->wake, &s->lock, &until);
	struct job *j = c->given;
	c->given = NULL;
	c->yields = false;
	turns_linger_end(c);
	if (j == NULL)
		leave_idle(c);
	return j;
}

struct job *threads_next_job(struct connection *c, int64_t linger)
{
	struct sender *s = c->sender;
	pthread_mutex_lock(&s->lock);
	c->destination->dialling -= c->counted;
	c->counted = false;
	struct job *j = take_waiting(c);
	if (j == NULL && linger > 0 && turns_may_linger(c))
		j = wait_for_job(c, linger);
	if (j != NULL)
		turns_job(c, j);
	pthread_mutex_unlock(&s->lock);
	return j;
}

void threads_give_back(struct connection *c, struct job *j)
{
	struct destination *d = c->destination;
	pthread_mutex_lock(&c->sender->lock);
	j->state = JOB_WAITING;
	j->next = d->first;
	d->first = j;
	if (d->last == NULL)
		d->last = j;
	d->waiting++;
	pthread_mutex_unlock(&c->sender->lock);
}

void threads_job_done(struct job *j)
{
	struct sender *s = j->sender;
	pthread_mutex_lock(&s->lock);
	bool woken = has_news(s);
	j->next = s->done;
	s->done = j;
	pthread_mutex_unlock(&s->lock);
	if (!woken)
		wake_loop(s);
}

/* ---- in the main loop ---- */

/* A session that never came to a job was no better than an address that does not answer: the next one is tried. */
static void session_ended(struct connection *c)
{
	struct destination *d = c->destination;
	fd_close(&c->fd);
	if (c->again) {
		c->again = false;
		c->host = c->host_used;
		c->address = 0;
		dial_next(c);
		return;
	}
	if (!c->worked && c->failure.cause == CAUSE_loop) {
		c->host = c->host_used;
		dial_looped(c);
		return;
	}
	if (!c->worked && c->failure.cause != CAUSE_none) {
		dial_next(c);
		return;
	}
	if (c->failure.cause == CAUSE_busy && !d->asks)
		jobs_say_destination(c->sender, d->name, DESTINATION_BUSY, &c->failure);
	connection_free(c);
	destination_work(d);
	destination_rest(d);
}

static void on_wake(void *to, uint32_t events)
{
	struct sender *s = to;
	uint64_t count;
	size_t got;
	(void)events;
	IGNORE(fd_read(s->wake, &count, sizeof count, &got)); /* only to be woken */
	pthread_mutex_lock(&s->lock);
	struct job *j = s->done;
	struct connection *c = s->ended;
	s->done = NULL;
	s->ended = NULL;
	pthread_mutex_unlock(&s->lock);
	for (struct job *next; j != NULL; j = next) {
		next = j->next;
		if (j->spoken)
			destination_worked(j->at);
		job_end(j);
	}
	for (struct connection *next; c != NULL; c = next) {
		next = c->next_greeted;
		session_ended(c);
	}
	results_due(s);
	sender_check_retired(s);
}

err threads_init(struct sender *s)
{
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0)
		return FAIL(SYSTEM);
	return loop_add(s->service->loop, &s->wake_watch, s->wake, EPOLLIN, on_wake, s);
}
