/* SPDX-License-Identifier: Apache-2.0 */
/* A message for recipients of one destination, and what became of it. */
#pragma once
#include "base/arena.h"
#include "ipc/cause.h"
#include "proto/smtp/parameter.h"

enum {
	JOB_BUDGET = 512 << 10,
	TARGETS_MAX = 100,
	STATUS_MAX = 16,
	TEXT_MAX = 400,
	NAME_MAX_BYTES = 255,
};

struct sender;
struct destination;
struct callout;
struct slot;

/* Why something did not work, in the words of queue_sender.def. */
struct failure {
	enum cause cause;
	bool final; /* for good */
	unsigned code;
	char status[STATUS_MAX + 1];
	char text[TEXT_MAX + 1];
	char host[NAME_MAX_BYTES + 1];
};
/* Fills it in; status is one of ours, "4.4.1". */
void failure_set(struct failure *f, enum cause cause, bool final, const char *status, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

struct outcome {
	enum outcome_kind kind;
	enum cause cause;
	bool dsn, final;
	unsigned code;
	str status, text; /* in the job's arena */
};

struct target {
	unsigned recipient, notify;
	str address, orcpt;
	bool answered;
	struct outcome outcome;
};

enum job_state { JOB_WAITING, JOB_UNDERWAY, JOB_DONE };

/* One message for recipients of one destination. It belongs to the main loop, except while a session has it underway. */
struct job {
	struct job *next;                  /* of those that wait at a destination, or are done, or not told yet */
	struct job *next_all, *before_all; /* of all that queue has not noted yet */
	struct job *same_bucket;           /* of all, by number */
	struct sender *sender;
	struct arena *arena;
	enum job_state state;
	bool told;     /* its result was sent over this channel */
	bool returned; /* it was not tried */
	uint64_t number;
	uint8_t transaction[16];
	str destination, from, envid;
	uint64_t size;
	enum smtp_body body;
	enum smtp_return ret;
	bool utf8, requires_tls, tls_optional, more, bulk;
	bool inner;              /* the domain is ours: only its own route leads there */
	struct callout *callout; /* it is no mail but a question; or NULL */
	struct target *targets;
	size_t count;
	str bytes; /* the message, or absent */
	int file;  /* where it is then, or -1 */
	char host[NAME_MAX_BYTES + 1];
	struct destination *at;
	bool spoken;       /* a server has answered for it */
	struct slot *slot; /* delivered.c: once somebody has got it */
};

/* Notes what became of a target. The texts are copied; only the thread that has the job. */
void job_answer(struct job *j, struct target *t, const struct outcome *o);
/* A domain of ours whose mailboxes are elsewhere has no route of its own. */
void job_no_way(struct failure *f);
/* All targets that have no answer yet. */
void job_answer_rest(struct job *j, const struct failure *f);
/* Puts it among all jobs. Main loop. */
void job_enter(struct job *j);
/* The job has ended; its result goes to queue. Main loop. */
void job_end(struct job *j);
void jobs_attach(struct sender *s, int fd);
void jobs_init(struct sender *s);
/* Text of a server's, without what may not stand in a field of a message. */
str plain_text(str text, char *room, size_t size);
/* Says what is known of a destination. */
void jobs_say_destination(struct sender *s, str destination, enum destination_state state, const struct failure *f);
/* Gives back what was not begun: the process goes down. */
void jobs_return_waiting(struct sender *s);
