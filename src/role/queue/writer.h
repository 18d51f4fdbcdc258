/* SPDX-License-Identifier: Apache-2.0 */
/* The one thread that touches the spool. It takes all jobs that wait into one transaction, commits once, and hands them
 * back to the loop: group commit. A job is a member of a structure of its owner, who must leave it alone from
 * writer_post() until done() was called. */
#pragma once
#include "base/log.h"
#include "os/loop.h"
#include "store/spool/spool.h"

/* How long a job waits for others to share their commit with it. */
enum job_haste {
	JOB_AT_ONCE, /* not at all */
	JOB_SOON,    /* a moment: nobody waits for it */
	JOB_LAZY,    /* a while, and for a full disk to have room again */
	JOB_HASTES
};

struct job {
	struct job *next;
	/* In the thread, before the transaction, for bodies that are files: all are written first, then all are synced, so that
	 * they share what the file system does for that, then their folder. A failure fails this job only. May be NULL. */
	err (*write)(struct job *j);
	err (*sync)(struct job *j);
	/* In the thread, in the transaction. It may be called again when that one was rolled back. */
	err (*run)(struct job *j, struct spool *spool);
	/* In the thread, after the commit. May be NULL. */
	void (*committed)(struct job *j);
	/* In the thread, behind all that, to tell somebody at once. May be NULL. */
	void (*tell)(struct job *j);
	/* In the loop. e is what became of the job. */
	void (*done)(struct job *j);
	err e;
	enum job_haste haste;
	/* JOB_LAZY: those that waited together are run from the lowest to the highest, so that rows that lie side by side are
	 * changed in one commit; equal ones as they came. */
	int64_t order;
};

/* What the writer says by itself, in the loop. */
struct writer_news {
	/* Mail waits in the spool for an account that the loop does not know of. */
	void (*waiting)(void *to, uint32_t account);
	/* The store was opened anew: what was known of its rows is void. waiting() follows for all accounts. */
	void (*renewed)(void *to);
	/* All that could be read of a damaged store is in this one now; waiting() told of mail for accounts, but of no other. */
	void (*recovered)(void *to);
	void *to;
};

struct writer;

/* Opens the spool, tells the accounts with mail waiting, starts the thread. The log is copied. */
err writer_start(struct loop *loop, const struct log *log, const struct writer_news *news, struct writer **out);
void writer_post(struct writer *w, struct job *j);
/* Calls done() of all whose tell() was called by now. */
void writer_catch_up(struct writer *w);
/* Runs what was posted, calls done(), fails what done() posts with ERR_CLOSED; closes the spool. Accepts NULL behind
 * the pointer, leaves it there. */
void writer_stop(struct writer **w);
