/* SPDX-License-Identifier: Apache-2.0 */
/* The spool that the writer's thread works on: opened anew when it has failed, what a damaged one held taken over, what
 * is due released; and the loop is told who has mail waiting in it. */
#pragma once
#include "role/queue/writer.h"
#include "store/spool/salvage.h"

struct upkeep {
	struct spool *spool; /* NULL: there is none at the moment, and every job fails */
	struct salvage *salvage;
	struct log log;
	struct writer_news news;
	/* Hands a job over to the loop, which calls its done(). */
	void (*tell)(void *to, struct job *j);
	void *to;
	int64_t retry_at; /* clock_ms(): after a failure of the store */
	int64_t quiet_at; /* clock_ms(): when nothing has been written for a while */
	int64_t fill_at;  /* clock_ms(): when the log is made longer beforehand; INT64_MAX: it is long enough */
	int64_t slim_at;  /* clock_ms(): when that while has become long; 0: memory was given back */
};

/* Opens the spool, sweeps it, tells who has mail waiting. Failures are those of store/spool/spool.h. */
err upkeep_open(struct upkeep *u);
void upkeep_close(struct upkeep *u);
/* After a failure of the store: it is opened anew, or replaced if it is damaged. */
void upkeep_renew(struct upkeep *u, err why);
/* The same, unless it failed a moment ago. */
void upkeep_renew_later(struct upkeep *u, err why);
/* After a transaction: the log is moved if it has grown too long to wait for a quiet moment. */
void upkeep_written(struct upkeep *u);
/* What there is to do beside the jobs now; and when there will be more, by clock_ms(). */
void upkeep_work(struct upkeep *u);
int64_t upkeep_next(const struct upkeep *u);
