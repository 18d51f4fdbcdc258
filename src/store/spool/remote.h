/* SPDX-License-Identifier: Apache-2.0 */
/* What waits in the spool for other servers. Failures are those of store/sql.h. */
#pragma once
#include "store/spool/spool.h"

/* What was last said about a recipient or a destination. */
struct spool_diagnosis {
	unsigned cause; /* enum cause */
	unsigned code;  /* of the SMTP reply; 0: no server said this */
	str status, text, host;
};

struct spool_remote {
	unsigned position, priority, notify, attempts;
	str domain, address, orcpt;
	int64_t due;
	struct spool_diagnosis last;
	bool noted; /* a delay notice was made */
	bool is_inner;
	uint32_t forward, keeper;
	str sender; /* of a forward */
};

/* Calls row() for each; strings are valid during the call, which may not use the spool. A failure of row() ends it. */
struct spool_remote_rows {
	err (*row)(void *to, const struct spool_message *m, const struct spool_remote *r);
	void *to;
};

/* A place in the order of due times of one domain and priority. */
struct spool_place {
	int64_t due, message;
	unsigned position;
};

/* What is due by now for a domain behind a place, in that order, at most so many. */
struct spool_remote_question {
	str domain;
	unsigned priority;
	int64_t now;
	struct spool_place after;
	unsigned most;
};
err spool_remote_list(struct spool *spool, const struct spool_remote_question *q, const struct spool_remote_rows *rows);
/* One recipient of a message. ERR_ABSENT: it does not wait any more. */
err spool_remote_find(struct spool *spool, const uint8_t number[SPOOL_NUMBER], unsigned position,
	const struct spool_remote_rows *rows);
/* What came in by a time, behind a recipient of a message, in the order of its coming, at most so many. */
err spool_remote_old(struct spool *spool, int64_t received, int64_t message, unsigned position, unsigned most,
	const struct spool_remote_rows *rows);
/* When something is due for a domain after that time, milliseconds UTC; INT64_MAX: nothing is. */
err spool_remote_due(struct spool *spool, str domain, unsigned priority, int64_t after, int64_t *due);
/* The first domain behind one, copied; ERR_ABSENT. */
err spool_remote_domain(struct spool *spool, str after, struct arena *a, str *out);
/* How many messages wait for a domain, for how many recipients; no more than so many recipients are counted. */
err spool_remote_count(struct spool *spool, str domain, unsigned most, unsigned *messages, unsigned *recipients);

/* The attempt did not work; the next is due then. */
err spool_remote_defer(
	struct spool *spool, int64_t message, unsigned position, int64_t due, const struct spool_diagnosis *why);
/* The attempt did not work and there is to be no other until an administrator has looked at it. */
err spool_remote_hold(struct spool *spool, int64_t message, unsigned position, const struct spool_diagnosis *why);
/* It cannot be forwarded: from now on it waits for the mailbox of its keeper, which it must have. */
err spool_remote_keep(struct spool *spool, int64_t message, unsigned position);
/* Its domain became ours: from now on it waits for the mailboxes of these accounts, at least one. */
err spool_readdress(
	struct spool *spool, int64_t message, unsigned position, str detail, const uint32_t *accounts, size_t count);
/* A delay notice was made. */
err spool_remote_note(struct spool *spool, int64_t message, unsigned position);

/* How long a destination is left alone, milliseconds UTC, and why. */
struct spool_destination {
	unsigned failures;
	int64_t until;
	struct spool_diagnosis why;
};
err spool_destination_put(struct spool *spool, str name, const struct spool_destination *d);
/* ERR_ABSENT. The strings are copied. */
err spool_destination_get(struct spool *spool, str name, struct arena *a, struct spool_destination *out);
err spool_destination_remove(struct spool *spool, str name);
/* The name behind one, copied; ERR_ABSENT. */
err spool_destination_next(struct spool *spool, str after, struct arena *a, str *out);
