/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/writer.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/fd.h"
#include "role/queue/upkeep.h"
#include "store/spool/file.h"

enum {
	RETRY_MS = 1000, /* after a full disk */
	STACK = 512 << 10,
	SORT_PLACES = 32,
	LAZY_AT_ONCE = 128, /* about two milliseconds, for which others wait */
};
static const int64_t patience_ms[JOB_HASTES] = { [JOB_SOON] = 5, [JOB_LAZY] = 500 };

struct list {
	struct job *first, **end;
};

struct writer {
	struct arena *arena;
	struct loop *loop;
	struct loop_watch watch;
	pthread_t thread;
	pthread_mutex_t lock, telling; /* telling: the thread tells; taken before lock */
	pthread_cond_t wake;
	int bell;
	/* under the lock */
	struct list posted, finished;
	bool stopping;
	bool sleeping; /* waits for a signal */
	int64_t until; /* and wakes by itself then */
	/* the thread's */
	struct upkeep upkeep;
	struct list waiting; /* for company */
	int64_t waiting_until;
	struct list lazy; /* waits for its turn */
	int64_t lazy_until;
	struct list turn; /* was lazy, in order: some of it goes into each commit */
};

static void add(struct list *l, struct job *j)
{
	j->next = NULL;
	if (l->first == NULL)
		l->end = &l->first;
	*l->end = j;
	l->end = &j->next;
}

static void append(struct list *l, struct list *more)
{
	if (more->first == NULL)
		return;
	if (l->first == NULL)
		l->end = &l->first;
	*l->end = more->first;
	l->end = more->end;
	more->first = NULL;
}

/* At most so many of the first ones. */
static void append_some(struct list *l, struct list *more, unsigned most)
{
	for (unsigned i = 0; i < most && more->first != NULL; i++) {
		struct job *j = more->first;
		more->first = j->next;
		add(l, j);
	}
}

/* Both are in order; of equal ones those of the first come first. */
static struct list merge(struct list a, struct list b)
{
	struct list merged = { 0 };
	while (a.first != NULL && b.first != NULL)
		append_some(&merged, a.first->order <= b.first->order ? &a : &b, 1);
	append(&merged, &a);
	append(&merged, &b);
	return merged;
}

/* Runs of 1, 2, 4 ... jobs are merged as two of the same length are there: no recursion, and 32 places are enough. */
static struct list sorted(struct list l)
{
	struct list runs[SORT_PLACES] = { 0 }, all = { 0 };
	while (l.first != NULL) {
		struct list run = { 0 };
		unsigned i = 0;
		append_some(&run, &l, 1);
		for (; i < SORT_PLACES - 1 && runs[i].first != NULL; i++) {
			run = merge(runs[i], run);
			runs[i].first = NULL;
		}
		runs[i] = merge(runs[i], run);
	}
	for (unsigned i = 0; i < SORT_PLACES; i++)
		all = merge(runs[i], all);
	return all;
}

/* ---- handing back ---- */

static void hand_back(struct writer *w, struct list *jobs)
{
	if (jobs->first == NULL)
		return;
	pthread_mutex_lock(&w->telling);
	for (struct job *j = jobs->first; j != NULL; j = j->next)
		if (j->tell != NULL && !failed(j->e))
			j->tell(j);
	pthread_mutex_lock(&w->lock);
	bool rang = w->finished.first != NULL;
	append(&w->finished, jobs);
	pthread_mutex_unlock(&w->lock);
	pthread_mutex_unlock(&w->telling);
	uint64_t one = 1;
	if (!rang && write(w->bell, &one, sizeof one) < 0)
		return; /* the counter is full: the bell rings already */
}

static void finish(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	struct job *j = w->finished.first;
	w->finished.first = NULL;
	pthread_mutex_unlock(&w->lock);
	while (j != NULL) {
		struct job *next = j->next;
		j->done(j);
		j = next;
	}
}

/* Whoever was told has its job in the list as soon as the thread tells no more. */
void writer_catch_up(struct writer *w)
{
	pthread_mutex_lock(&w->telling);
	pthread_mutex_unlock(&w->telling);
	finish(w);
}

static void on_bell(void *to, uint32_t events)
{
	struct writer *w = to;
	uint64_t count;
	(void)events;
	if (read(w->bell, &count, sizeof count) > 0)
		finish(w);
}

/* upkeep.h */
static void tell(void *to, struct job *j)
{
	struct list one = { 0 };
	add(&one, j);
	hand_back(to, &one);
}

/* ---- batches ---- */

static void prepare(struct list *jobs)
{
	bool has_files = false;
	for (struct job *j = jobs->first; j != NULL; j = j->next)
		j->e = j->write != NULL ? j->write(j) : OK;
	for (struct job *j = jobs->first; j != NULL; j = j->next) {
		if (j->sync == NULL || failed(j->e))
			continue;
		j->e = j->sync(j);
		has_files = true;
	}
	err e = has_files ? spool_folder_sync() : OK;
	for (struct job *j = jobs->first; failed(e) && j != NULL; j = j->next)
		if (j->sync != NULL && !failed(j->e))
			j->e = e;
}

/* The job's own affair, which leaves the transaction as it was. */
static bool is_own(err e) { return e.code == ERR_EXISTS || e.code == ERR_ABSENT; }

static err run_all(struct spool *spool, struct list *jobs)
{
	TRY(spool_begin(spool));
	for (struct job *j = jobs->first; j != NULL; j = j->next) {
		if (failed(j->e))
			continue;
		err e = j->run(j, spool);
		if (failed(e)) {
			j->e = e;
			if (is_own(e))
				continue;
			spool_rollback(spool);
			return e;
		}
	}
	return spool_commit(spool);
}

static bool is_stores(err e)
{
	return e.code == ERR_DISK_FULL || e.code == ERR_STORAGE || e.code == ERR_DAMAGED || e.code == ERR_BUSY;
}

/* A job that fails for a reason of its own leaves the batch; the others are run again without it. */
static err run_batch(struct writer *w, struct list *jobs)
{
	if (w->upkeep.spool == NULL)
		return FAIL(STORAGE);
	prepare(jobs);
	for (;;) {
		err e = run_all(w->upkeep.spool, jobs);
		if (!failed(e) || is_stores(e))
			return e;
		bool marked = false;
		for (struct job *j = jobs->first; j != NULL; j = j->next)
			marked |= j->e.code == e.code;
		if (!marked)
			return e;
	}
}

/* After a full disk lazy jobs stay for the next time; after any other failure what they know of the store is void. */
static void answer(struct writer *w, struct list *jobs, err e)
{
	struct list back = { 0 }, kept = { 0 };
	for (struct job *j = jobs->first, *next; j != NULL; j = next) {
		next = j->next;
		if (failed(e) && (!failed(j->e) || is_stores(j->e)))
			j->e = e;
		else if (!failed(e) && !failed(j->e) && j->committed != NULL)
			j->committed(j);
		add(j->haste == JOB_LAZY && e.code == ERR_DISK_FULL ? &kept : &back, j);
	}
	jobs->first = NULL;
	if (kept.first != NULL) {
		w->lazy_until = clock_ms() + RETRY_MS;
		append(&kept, &w->turn);
		append(&kept, &w->lazy);
		w->lazy = kept;
	}
	hand_back(w, &back);
}

static void do_batch(struct writer *w, struct list *jobs)
{
	if (jobs->first == NULL)
		return;
	err e = run_batch(w, jobs);
	answer(w, jobs, e);
	if (failed(e) && e.code != ERR_DISK_FULL)
		upkeep_renew_later(&w->upkeep, e);
	if (!failed(e))
		upkeep_written(&w->upkeep);
}

/* ---- the thread ---- */

static int64_t next_chore(const struct writer *w)
{
	int64_t at = w->turn.first != NULL ? clock_ms() : upkeep_next(&w->upkeep);
	if (w->waiting.first != NULL && w->waiting_until < at)
		at = w->waiting_until;
	return w->lazy.first != NULL && w->lazy_until < at ? w->lazy_until : at;
}

/* Waits for jobs or for the next chore, with the lock held. */
static void wait(struct writer *w, int64_t until)
{
	if (until == INT64_MAX) {
		pthread_cond_wait(&w->wake, &w->lock);
		return;
	}
	int64_t left = until - clock_ms();
	if (left <= 0)
		return;
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += left / 1000;
	t.tv_nsec += left % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&w->wake, &w->lock, &t);
}

static void make_wait(struct job *j, struct list *others, int64_t *until)
{
	if (others->first == NULL)
		*until = clock_ms() + patience_ms[j->haste];
	add(others, j);
}

/* Moves what was posted into the lists; true if something there cannot wait. */
static bool sort_out(struct writer *w, struct list *posted, struct list *urgent)
{
	for (struct job *j = posted->first, *next; j != NULL; j = next) {
		next = j->next;
		if (j->haste == JOB_AT_ONCE)
			add(urgent, j);
		else if (j->haste == JOB_SOON)
			make_wait(j, &w->waiting, &w->waiting_until);
		else
			make_wait(j, &w->lazy, &w->lazy_until);
	}
	posted->first = NULL;
	return urgent->first != NULL;
}

/* What is lazy goes with the others, but not all of it: they would wait for it. Those that waited have their turn, and
 * only then those that came meanwhile. */
static void add_lazy(struct writer *w, struct list *jobs, bool stopping)
{
	if (w->turn.first == NULL && w->lazy.first != NULL && clock_ms() >= w->lazy_until) {
		w->turn = sorted(w->lazy);
		w->lazy.first = NULL;
	}
	append_some(jobs, &w->turn, LAZY_AT_ONCE);
	if (stopping) {
		append(jobs, &w->turn);
		append(jobs, &w->lazy);
	}
}

static bool take_posted(struct writer *w, struct list *posted)
{
	pthread_mutex_lock(&w->lock);
	int64_t chore = next_chore(w);
	while (w->posted.first == NULL && !w->stopping && chore > clock_ms()) {
		w->sleeping = true;
		w->until = chore;
		wait(w, chore);
		w->sleeping = false;
	}
	append(posted, &w->posted);
	bool stopping = w->stopping;
	pthread_mutex_unlock(&w->lock);
	return stopping;
}

static void *thread(void *to)
{
	struct writer *w = to;
	bool stopping = false;
	while (!stopping) {
		struct list posted = { 0 }, jobs = { 0 };
		stopping = take_posted(w, &posted);
		bool urgent = sort_out(w, &posted, &jobs);
		if (urgent || stopping || (w->waiting.first != NULL && clock_ms() >= w->waiting_until))
			append(&jobs, &w->waiting);
		add_lazy(w, &jobs, stopping);
		do_batch(w, &jobs);
		if (!stopping)
			upkeep_work(&w->upkeep);
	}
	return NULL;
}

static err start_thread(struct writer *w)
{
	pthread_attr_t attr;
	pthread_condattr_t monotonic;
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->telling, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	int rc = pthread_create(&w->thread, &attr, thread, w);
	pthread_attr_destroy(&attr);
	return rc == 0 ? OK : FAIL(SYSTEM);
}

static err start(struct writer *w)
{
	w->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w->bell < 0)
		return FAIL(SYSTEM);
	TRY(loop_add(w->loop, &w->watch, w->bell, EPOLLIN, on_bell, w));
	TRY(upkeep_open(&w->upkeep));
	return start_thread(w);
}

static void free_writer(struct writer **w)
{
	loop_remove((*w)->loop, &(*w)->watch);
	fd_close(&(*w)->bell);
	upkeep_close(&(*w)->upkeep);
	struct arena *a = (*w)->arena;
	*w = NULL;
	arena_free(&a);
}

err writer_start(struct loop *loop, const struct log *log, const struct writer_news *news, struct writer **out)
{
	struct arena *a = arena_new("writer", sizeof(struct writer) + 64);
	struct writer *w = NEW(a, struct writer, 1);
	*w = (struct writer){ .arena = a, .loop = loop, .watch.fd = -1, .bell = -1 };
	w->upkeep = (struct upkeep){ .log = *log, .news = *news, .tell = tell, .to = w };
	err e = start(w);
	if (failed(e))
		free_writer(&w);
	else
		*out = w;
	return e;
}

void writer_post(struct writer *w, struct job *j)
{
	const int64_t latest = j->haste != JOB_AT_ONCE ? clock_ms() + patience_ms[j->haste] : 0;
	pthread_mutex_lock(&w->lock);
	add(&w->posted, j);
	bool wakes = w->sleeping && w->until > latest;
	if (wakes)
		w->sleeping = false; /* one signal is enough */
	pthread_mutex_unlock(&w->lock);
	if (wakes)
		pthread_cond_signal(&w->wake);
}

void writer_stop(struct writer **w)
{
	if (*w == NULL)
		return;
	pthread_mutex_lock(&(*w)->lock);
	(*w)->stopping = true;
	pthread_mutex_unlock(&(*w)->lock);
	pthread_cond_signal(&(*w)->wake);
	pthread_join((*w)->thread, NULL);
	append(&(*w)->finished, &(*w)->lazy);
	while ((*w)->finished.first != NULL || (*w)->posted.first != NULL) {
		for (struct job *j = (*w)->posted.first; j != NULL; j = j->next)
			j->e = FAIL(CLOSED);
		append(&(*w)->finished, &(*w)->posted);
		finish(*w);
	}
	pthread_mutex_destroy(&(*w)->lock);
	pthread_mutex_destroy(&(*w)->telling);
	pthread_cond_destroy(&(*w)->wake);
	free_writer(w);
}
