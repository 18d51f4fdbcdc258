/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/upkeep.h"

#include <malloc.h>

#include "os/clock.h"

enum {
	RETRY_MS = 1000,       /* after a failure of the store */
	LOOK_AGAIN_MS = 60000, /* for deferred deliveries that are due later */
	QUIET_MS = 100,        /* without a transaction: then the log is moved, and nobody waits for it */
	FILL_FIRST_MS = 1000,  /* after the start */
	FILL_NEXT_MS = 3,
	SLIM_MS = 30000, /* without a transaction: then what is kept for speed is given back */
	SALVAGE_AT_ONCE = 50,
	NEWS_BUDGET = 64 << 20, /* account numbers told at once */
	CHUNK = 500,
};

/* Accounts to tell the loop about. */
struct chunk {
	struct chunk *next;
	size_t count;
	uint32_t accounts[CHUNK];
};
struct tale {
	struct job job;
	struct writer_news news;
	struct arena *arena;
	struct chunk *chunks;
	bool renewed, recovered;
};

/* ---- news ---- */

static err tale_add(void *to, uint32_t account, uint64_t count)
{
	struct tale *t = to;
	(void)count;
	if (account == 0)
		return OK;
	if (t->chunks == NULL || t->chunks->count == CHUNK) {
		struct chunk *c = NEW(t->arena, struct chunk, 1);
		if (c == NULL)
			return FAIL(MEMORY);
		c->next = t->chunks;
		t->chunks = c;
	}
	t->chunks->accounts[t->chunks->count++] = account;
	return OK;
}

static void tale_free(struct tale *t)
{
	struct arena *a = t->arena;
	arena_free(&a);
}

static void on_tale(struct job *j)
{
	struct tale *t = (struct tale *)j;
	const struct writer_news *news = &t->news;
	if (t->renewed)
		news->renewed(news->to);
	for (struct chunk *c = t->chunks; c != NULL; c = c->next)
		for (size_t i = 0; i < c->count; i++)
			news->waiting(news->to, c->accounts[i]);
	if (t->recovered)
		news->recovered(news->to);
	tale_free(t);
}

static struct tale *tale_new(struct upkeep *u, bool renewed)
{
	struct arena *a = arena_new("spool news", NEWS_BUDGET);
	struct tale *t = NEW(a, struct tale, 1);
	*t = (struct tale){ .job.done = on_tale, .news = u->news, .arena = a, .renewed = renewed };
	return t;
}

static err tell_all(struct upkeep *u, bool renewed)
{
	struct tale *t = tale_new(u, renewed);
	err e = spool_accounts(u->spool, &(struct spool_account_rows){ tale_add, t });
	if (failed(e))
		tale_free(t);
	else
		u->tell(u->to, &t->job);
	return e;
}

/* ---- a store that fails ---- */

static void begin_salvage(struct upkeep *u)
{
	if (u->salvage == NULL && !failed(salvage_open(&u->salvage)))
		LOG(&u->log, store_damaged, F_TEXT("store", S("spool/queue.db")),
			F_TEXT("set_aside", salvage_name(u->salvage)));
}

static err open_again(struct upkeep *u, int64_t least)
{
	bool damaged;
	TRY(spool_open(least, &u->spool, &damaged));
	u->fill_at = clock_ms() + FILL_FIRST_MS;
	begin_salvage(u);
	return tell_all(u, true);
}

/* After a failed sync nobody knows what is on disk until the file is read anew; a damaged file is replaced. Until that has
 * worked there is no spool, and every job fails. */
void upkeep_renew(struct upkeep *u, err why)
{
	int64_t least = u->spool != NULL ? spool_last_id(u->spool) : 0;
	LOG(&u->log, store_failed, F_TEXT("store", S("spool/queue.db")), F_ERR(why),
		F_TEXT("reason", u->spool != NULL ? str_of(spool_complaint(u->spool)) : NO_STR));
	err e;
	if (why.code == ERR_DAMAGED && u->spool != NULL) {
		e = spool_set_aside(&u->spool);
		if (!failed(e)) {
			begin_salvage(u);
			e = tell_all(u, true);
		}
	} else {
		spool_close(&u->spool);
		e = open_again(u, least);
	}
	if (!failed(e))
		return;
	spool_close(&u->spool);
	u->retry_at = clock_ms() + RETRY_MS;
	LOG(&u->log, store_failed, F_TEXT("store", S("spool/queue.db")), F_ERR(e));
}

void upkeep_renew_later(struct upkeep *u, err why)
{
	if (u->spool != NULL || clock_ms() >= u->retry_at)
		upkeep_renew(u, why);
}

static void salvage_a_little(struct upkeep *u)
{
	bool more = true;
	struct tale *t = tale_new(u, false);
	err e = salvage_some(u->salvage, u->spool, SALVAGE_AT_ONCE, &(struct spool_account_rows){ tale_add, t }, &more);
	if (failed(e))
		u->retry_at = clock_ms() + RETRY_MS;
	t->recovered = !more;
	if (failed(e) || (t->chunks == NULL && !t->recovered))
		tale_free(t);
	else
		u->tell(u->to, &t->job);
	if (e.code == ERR_DAMAGED || e.code == ERR_STORAGE)
		upkeep_renew(u, e);
	if (failed(e) || more)
		return;
	LOG(&u->log, store_recovered, F_TEXT("store", salvage_name(u->salvage)),
		F_NUMBER("messages", salvage_taken(u->salvage)), F_NUMBER("unreadable", salvage_lost(u->salvage)),
		F_TEXT("complete", salvage_is_complete(u->salvage) ? S("yes") : S("no")));
	salvage_close(&u->salvage, true);
	begin_salvage(u);
}

static err release_in_transaction(struct upkeep *u, struct tale *t)
{
	TRY(spool_begin(u->spool));
	err e = spool_release(u->spool, clock_utc_ms(), &(struct spool_account_rows){ tale_add, t });
	if (!failed(e))
		return spool_commit(u->spool);
	spool_rollback(u->spool);
	return e;
}

static void release_due(struct upkeep *u)
{
	struct tale *t = tale_new(u, false);
	err e = release_in_transaction(u, t);
	if (!failed(e)) {
		u->tell(u->to, &t->job);
		return;
	}
	tale_free(t);
	u->retry_at = clock_ms() + RETRY_MS;
	if (e.code == ERR_DAMAGED || e.code == ERR_STORAGE)
		upkeep_renew(u, e);
}

static void tidy(struct upkeep *u, bool is_quiet)
{
	err e = spool_tidy(u->spool, is_quiet);
	if (failed(e) && is_quiet)
		u->retry_at = clock_ms() + RETRY_MS;
	if (e.code == ERR_DAMAGED || e.code == ERR_STORAGE)
		upkeep_renew(u, e);
}

void upkeep_written(struct upkeep *u)
{
	u->quiet_at = clock_ms() + QUIET_MS;
	u->slim_at = clock_ms() + SLIM_MS;
	tidy(u, false);
}

/* A little at a time and only in a quiet moment, so that nobody waits for it long. */
static void fill(struct upkeep *u)
{
	bool more = false;
	err e = spool_fill_log(u->spool, &more);
	u->fill_at = !failed(e) && more ? clock_ms() + FILL_NEXT_MS : INT64_MAX;
	if (e.code == ERR_STORAGE)
		upkeep_renew(u, e);
}

static int64_t fill_next(const struct upkeep *u)
{
	if (u->spool == NULL || u->fill_at == INT64_MAX)
		return INT64_MAX;
	return u->fill_at > u->quiet_at ? u->fill_at : u->quiet_at;
}

static void slim(struct upkeep *u)
{
	u->slim_at = 0;
	if (u->spool != NULL)
		spool_slim(u->spool);
	malloc_trim(0);
}

void upkeep_work(struct upkeep *u)
{
	if (u->slim_at != 0 && clock_ms() >= u->slim_at)
		slim(u);
	if (clock_ms() < u->retry_at)
		return;
	if (u->spool == NULL)
		upkeep_renew(u, FAIL(STORAGE));
	if (u->spool != NULL && spool_due(u->spool) <= clock_utc_ms())
		release_due(u);
	if (u->salvage != NULL && u->spool != NULL)
		salvage_a_little(u);
	if (u->spool != NULL && clock_ms() >= u->quiet_at)
		tidy(u, true);
	if (clock_ms() >= fill_next(u))
		fill(u);
}

static int64_t in_clock_ms(int64_t utc)
{
	if (utc == INT64_MAX)
		return utc;
	int64_t left = utc - clock_utc_ms();
	return clock_ms() + (left > LOOK_AGAIN_MS ? LOOK_AGAIN_MS : left); /* the calendar may be set meanwhile */
}

int64_t upkeep_next(const struct upkeep *u)
{
	int64_t at = u->spool != NULL ? in_clock_ms(spool_due(u->spool)) : INT64_MAX;
	if (u->spool != NULL && u->quiet_at < at && spool_is_untidy(u->spool, true))
		at = u->quiet_at;
	if (fill_next(u) < at)
		at = fill_next(u);
	if (at < u->retry_at)
		at = u->retry_at;
	if (u->salvage != NULL && u->spool != NULL && u->retry_at < at)
		at = u->retry_at;
	if (u->spool == NULL && u->retry_at < at)
		at = u->retry_at;
	if (u->slim_at != 0 && u->slim_at < at)
		at = u->slim_at;
	return at;
}

/* ---- beginning and end ---- */

err upkeep_open(struct upkeep *u)
{
	bool damaged;
	TRY(spool_open(0, &u->spool, &damaged));
	u->fill_at = clock_ms() + FILL_FIRST_MS;
	begin_salvage(u);
	err e = spool_sweep(u->spool);
	if (!failed(e))
		e = tell_all(u, false);
	if (e.code != ERR_DAMAGED)
		return e;
	upkeep_renew(u, e);
	return OK;
}

void upkeep_close(struct upkeep *u)
{
	salvage_close(&u->salvage, false);
	spool_close(&u->spool);
}
