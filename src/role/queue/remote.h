/* SPDX-License-Identifier: Apache-2.0 */
/* Mail for other servers. The store knows all of it; memory holds a window of each destination, and of the destinations
 * those that schedule.h has room for.
 *
 *     remote.c    parcels in memory           load.c      read from the store
 *     survey.c    which destinations have any dispatch.c  a parcel becomes a job
 *     carrier.c   what sender says of it      settle.c    the result is stored
 *     overdue.c   what has waited too long    notice.c    the sender is told
 *     show.h      a person is told, and of all in destinations.h
 *     home.c      what must not leave, since its domain is ours */
#pragma once
#include "ipc/cause.h"
#include "role/queue/queue.h"
#include "role/queue/schedule.h"
#include "store/spool/remote.h"

enum {
	PARCEL_RECIPIENTS_MAX = 100, /* RFC 5321 4.5.3.1.8 */
	PARCEL_RECORDS_MAX = 15000,  /* bytes of addresses and their parameters, below the bound of a job */
};

/* One recipient of a parcel. */
struct share {
	struct share *same_bucket;
	struct parcel *parcel;
	unsigned position, notify, attempts;
	str address, orcpt;
	uint32_t forward, keeper; /* as in the spool */
	str sender;
	bool noted, is_inner;
	/* what became of it */
	bool has_outcome, has_dsn, is_final, is_expired, is_held;
	const uint32_t *heirs; /* accounts here that get it: its domain became ours */
	size_t heirs_count;
	str detail; /* of a subaddress of theirs */
	enum outcome_kind kind;
	struct spool_diagnosis why;
	int64_t due; /* of the next attempt, UTC */
};

/* One message for recipients of one destination: a job for the sender. */
enum parcel_state { PARCEL_WAITING, PARCEL_FETCHING, PARCEL_OUT, PARCEL_HOMING, PARCEL_SETTLING };
struct parcel {
	struct job job; /* fetches its body, or stores its outcome */
	struct parcel *next, *before;
	struct parcel *same_job;
	struct message *message;
	struct mail *mail;
	struct share *shares;
	size_t count, room, records;
	enum parcel_state state;
	enum schedule_priority priority;
	uint64_t number; /* of its job, when it was last sent */
	unsigned losses; /* how often the sender died with it */
	bool has_job;    /* is in the table of jobs */
	bool has_body;   /* the message keeps its body for it */
	bool is_last;    /* the message went with it */
	bool is_damaged; /* its body is not the one that came in: it is being held */
	struct parcel *next_failed;
	bool is_owed; /* the sender waits to hear that its result is stored */
	str body;     /* fetched */
	struct arena *body_arena;
};
struct parcel_list {
	struct parcel *first, *last;
	size_t count;
};

/* What waits for one destination. */
struct mail {
	struct mail *unused;
	struct destination *destination;
	struct parcel_list waiting[SCHEDULE_PRIORITIES], out;
	struct spool_place after[SCHEDULE_PRIORITIES];
	bool more[SCHEDULE_PRIORITIES]; /* more may be due in the store behind the place */
	bool loading, again;
	struct mail *next_home;
	bool comes_home;  /* waits in remote.home */
	bool stored;      /* the store has a row of its back-off */
	bool failed_here; /* since this process started */
	bool looked_up;   /* whether the store has such a row is known */
};

enum { SHARE_BUCKETS = 32768, JOB_BUCKETS = 8192, PARCELS_MAX = 4096, MAIL_WINDOW = 64 };

struct remote {
	struct queue *q;
	struct arena *arena;
	struct schedule *schedule;
	struct mail *unused;
	struct share *shares[SHARE_BUCKETS];
	struct parcel *jobs[JOB_BUCKETS];
	size_t parcels_count, loads, settles;
	/* the sender's channel */
	bool is_ready, is_blocked;
	size_t credit, out, recoveries;
	uint64_t last_job;
	struct buf noted; /* records to be said */
	struct loop_timer timer;
	/* home.c: what has its turn, and at which recipient that is */
	struct mail *home;
	struct parcel *homing;
	size_t homing_at;
	bool home_rests;
	struct loop_timer home_timer;
	struct parcel *failed; /* whose results could not be stored yet */
	struct loop_timer failed_timer;
	/* the survey of domains in the store */
	bool surveying, survey_again, crowded;
	char survey_after[256];
	size_t survey_after_n;
	/* overdue.c */
	struct loop_timer overdue_timer;
	bool sweeping;
	struct spool_place expired_after, delayed_after;
};

/* ---- remote.c ---- */

/* The destination of a domain, with its mail; NULL: there is no room for more of them at the moment. */
struct mail *mail_make(struct remote *r, str domain);
/* Tells the schedule what there is now; forgets it if there is nothing. */
void mail_offer(struct mail *m, struct remote *r);
/* Gives up what waits in memory: it is read again when wanted. */
void mail_unload(struct mail *m, struct remote *r);
/* Whether memory may have more than what is sent at once. */
static inline bool remote_has_room(const struct remote *r) { return r->parcels_count < PARCELS_MAX; }
struct share *share_find(struct remote *r, str number, uint64_t position);
/* A parcel of a message, with room for so many recipients; it holds the message. */
struct parcel *parcel_new(struct message *message, struct mail *mail, enum schedule_priority p, size_t room);
/* False: the recipient goes into another one. */
bool parcel_add(struct parcel *p, const struct share *share);
void parcel_enter(struct parcel *p, struct remote *r);
void parcel_move(struct parcel *p, enum parcel_state to, bool in_front);
void parcel_forget(struct parcel *p, struct remote *r);

/* A notice to the sender of a message was stored, of an account here or inside. */
void remote_notice_waits(struct remote *r, uint32_t account, str sender);

/* ---- load.c ---- */

void mail_load(struct mail *m, struct remote *r, enum schedule_priority p);
void parcel_fetch(struct parcel *p, struct remote *r);
/* Reads recipients of a message and makes them a parcel that is out already; then calls back, with NULL when none waits. */
struct recovery;
typedef void recovery_fn(struct remote *r, struct recovery *how, struct parcel *p);
struct recovery {
	struct job job;
	struct arena *arena;
	struct remote *r;
	recovery_fn *fn;
	uint64_t number;
	uint8_t message_number[SPOOL_NUMBER];
	unsigned *positions;
	size_t positions_count;
	struct message *message;
	struct parcel *parcel;
	str domain;
	unsigned priority;
	/* the result that waits for it, if it is one */
	bool is_result, last;
	str host, outcomes;
};
struct recovery *recovery_new(struct remote *r, size_t room);
void recovery_post(struct recovery *how);

/* ---- dispatch.c ---- */

/* Sends what may be sent now, reads what is wanted. */
void remote_pump(struct remote *r);
struct parcel *parcel_of_job(struct remote *r, uint64_t number);
void job_insert(struct remote *r, struct parcel *p);
void job_remove(struct remote *r, struct parcel *p);
/* The job has ended without a result that counts: the parcel waits again. */
void parcel_back(struct parcel *p, struct remote *r);
unsigned remote_jitter(void);

/* ---- carrier.c ---- */

/* The result of this job is stored. */
void sender_note(struct remote *r, uint64_t number);

/* ---- backoff.c ---- */

void backoff_store(struct mail *mail, struct remote *r, const struct spool_diagnosis *why);
void backoff_forget(struct mail *mail, struct remote *r);

/* ---- settle.c ---- */

/* Stores what became of each of its recipients, then forgets it. Those without an outcome are deferred. */
void parcel_settle(struct parcel *p, struct remote *r);
/* It could not even be tried, for a reason of our own. */
void parcel_defer(struct parcel *p, struct remote *r, str reason);
/* Its body is not the one that came in: all its recipients are held, and somebody is told. It waits, or is being fetched. */
void parcel_hold(struct parcel *p, struct remote *r);

/* ---- overdue.c ---- */

void overdue_start(struct remote *r);
