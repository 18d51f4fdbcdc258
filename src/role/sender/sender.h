/* SPDX-License-Identifier: Apache-2.0 */
/* The process that carries mail to other servers. The main loop finds out where a destination is, dials, and talks to
 * `queue`; a connection that has been greeted gets a thread, which speaks SMTP in straight lines (session.h).
 *
 *     jobs.c         what queue gives and is told      destination.c  where mail for a domain goes, who carries it
 *     lookup.c       asks the resolver                 dial.c         from a list of addresses to a greeting
 *     threads.c      from there to a thread and back   route.c        what the administrator said of a domain */
#pragma once
#include <pthread.h>

#include "ipc/cause.h"
#include "ipc/desk.h"
#include "ipc/dns.h"
#include "ipc/peer.h"
#include "proto/smtp/parameter.h"
#include "tls/client.h"
#include "trust/mx.h"
#include "trust/security.h"

enum {
	JOB_BUDGET = 512 << 10,
	TARGETS_MAX = 100,
	HOST_ADDRESSES_MAX = 12,
	HOST_RECORDS_MAX = 16,
	ATTEMPTS_MAX = 4, /* addresses tried at once for one connection */
	STATUS_MAX = 16,
	TEXT_MAX = 400,
	NAME_MAX_BYTES = 255,
	SENDER_BUCKETS = 4096,
};

struct sender;
struct destination;
struct connection;

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

/* ---- jobs ---- */

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
	struct job *next;                  /* of those that wait at a destination, or are done */
	struct job *next_all, *before_all; /* of all that queue has not noted yet */
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
	bool utf8, requires_tls, tls_optional, more;
	struct target *targets;
	size_t count;
	str bytes; /* the message, or absent */
	int file;  /* where it is then, or -1 */
	char host[NAME_MAX_BYTES + 1];
	struct destination *at;
	bool spoken; /* a server has answered for it */
};

/* Notes what became of a target. The texts are copied; only the thread that has the job. */
void job_answer(struct job *j, struct target *t, const struct outcome *o);
/* All targets that have no answer yet. */
void job_answer_rest(struct job *j, const struct failure *f);
/* The job has ended; its result goes to queue. Main loop. */
void job_end(struct job *j);
void jobs_attach(struct sender *s, int fd);
void jobs_init(struct sender *s);
/* Says what is known of a destination. */
void jobs_say_destination(struct sender *s, str destination, enum destination_state state, const struct failure *f);
/* Gives back what was not begun: the process goes down. */
void jobs_return_waiting(struct sender *s);

/* ---- routes ---- */

struct route {
	str name; /* the domain, or "*" */
	str host; /* empty: what the DNS says */
	uint16_t port;
	bool lmtp;
	enum security_setting tls;
	str login, password; /* empty: none */
	str helo;
	struct address bind;
	bool has_bind;
};

/* Reads the routes of the configuration; what is wrong with one is said in an alarm. */
void routes_init(struct sender *s);
/* The route for that domain, or the one for "*", or NULL. */
const struct route *route_find(const struct sender *s, str domain);
/* Logins for routes, a line each: NAME LOGIN PASSWORD. */
void routes_logins(struct sender *s, str text);

/* ---- destinations ---- */

enum host_state { HOST_UNKNOWN, HOST_ASKED, HOST_USABLE, HOST_UNUSABLE };

struct host {
	str name;
	uint16_t port;
	enum host_state state;
	bool mx_secure;
	unsigned open; /* questions not answered yet */
	/* Known once it is usable. */
	struct address addresses[HOST_ADDRESSES_MAX]; /* in the order in which they are tried */
	size_t count;
	enum evidence evidence; /* of the addresses */
	enum dane_demand dane;
	str tlsa_base;   /* the name that the records were found under */
	str tlsa_second; /* asked for when there are none under the first; or absent */
	struct tlsa_record records[HOST_RECORDS_MAX];
	size_t records_count; /* usable ones */
	/* Why it is not. */
	struct failure failure;
	/* While its addresses are being asked for. */
	struct address v4[HOST_ADDRESSES_MAX], v6[HOST_ADDRESSES_MAX];
	size_t v4_count, v6_count;
	bool broken, unreachable;
	char reason[TEXT_MAX + 1];
};

enum destination_progress { DESTINATION_ASKING, DESTINATION_KNOWN, DESTINATION_LOST };

/* A domain as one wish sees it: mail that requires TLS does not share connections with other mail. Lives while it is used,
 * and a little longer. */
struct destination {
	struct destination *next_bucket;
	struct sender *sender;
	struct arena *arena;
	str name;
	enum security_wish wish;
	const struct route *route;
	enum destination_progress progress;
	int64_t known_since;
	struct host *hosts;
	size_t hosts_count;
	struct failure failure;
	/* Guarded by sender.lock. */
	struct job *first, *last;
	size_t waiting;
	struct connection *connections;
	size_t connections_count, dialling;
	struct connection *idle;
	/* Main loop only. */
	bool reachable, detached;
	struct loop_timer timer;
	unsigned watchers; /* commands that look at it */
};

/* Takes a job: a session that is idle gets it, or a connection is made. */
void destination_take(struct sender *s, struct job *j);
/* Its lookups have gone on: whoever waits for them goes on too. */
void destination_go_on(struct destination *d);
/* A connection has tried everything in vain: mail that waits is answered with its failure, unless others still try. */
void destination_give_up(struct destination *d, const struct failure *f);
/* Frees it when nobody needs it any more, later. */
void destination_rest(struct destination *d);
/* Somebody has taken (or refused) a message there. */
void destination_worked(struct destination *d);
void destinations_init(struct sender *s);
struct destination *destination_find(struct sender *s, str name, enum security_wish wish);
/* Dials for the mail that waits, or gives it to sessions that are idle. */
void destination_work(struct destination *d);
/* Asks where it is, unless that was done. */
void destination_begin(struct destination *d);

/* ---- lookups ---- */

/* Asks for the hosts of a domain; for addresses and records of one of them. destination_go_on() is called when that has
 * changed something. */
void lookup_hosts(struct destination *d);
void lookup_host(struct destination *d, struct host *h);
void lookups_attach(struct sender *s, int fd);
void lookups_init(struct sender *s);

/* ---- connections ---- */

struct attempt {
	struct connection *connection;
	struct loop_watch watch;
	int fd; /* -1: none */
	struct address address;
};

enum connection_state { CONNECTION_DIALLING, CONNECTION_CONNECTED, CONNECTION_GREETED, CONNECTION_SESSION };

struct connection {
	struct connection *next, *before; /* of its destination */
	struct connection *next_greeted;  /* waits for a thread; or has come back from one */
	struct connection *next_idle;
	struct sender *sender;
	struct destination *destination;
	enum connection_state state;
	size_t host, address; /* what is tried next */
	struct attempt attempts[ATTEMPTS_MAX];
	struct loop_timer timer;
	struct failure failure; /* of the latest that did not work */
	/* The one that has connected. */
	int fd;
	size_t host_used;
	struct address used;
	bool plain; /* TLS failed here a moment ago, and may be done without */
	/* The session's, from its thread to the main loop. */
	pthread_cond_t wake;
	struct job *given;
	bool counted; /* among those that dial: it has no job yet; guarded by sender.lock */
	bool worked;  /* a server has answered in it: it is no failure of the destination */
	bool again;   /* the same address once more */
};

/* Begins another connection to a destination. False: it has come to nothing already. */
bool dial(struct destination *d);
/* Goes on with the next address; gives up when there is none. */
void dial_next(struct connection *c);
/* Forgets it. */
void connection_free(struct connection *c);

/* ---- threads ---- */

/* Gives a greeted connection to a thread, as soon as one is free. */
void threads_give(struct connection *c);
err threads_init(struct sender *s);
/* For the session: the next job for this connection, or NULL when it should end. Waits for `linger` at most. */
struct job *threads_next_job(struct connection *c, int64_t linger);
/* For the session: this job has ended. Any thread. */
void threads_job_done(struct job *j);
/* Gives a job that was not begun back to the front of its destination. */
void threads_give_back(struct connection *c, struct job *j);
/* What one greeted connection does, in its thread. session.c */
void session_run(struct connection *c);

/* ---- the role ---- */

struct lookup;

struct sender {
	struct service *service;
	const struct conf *conf;
	struct tls_client *trust;
	str helo;
	struct peer queue, resolver, control;
	struct admin_door *door;
	struct route *routes;
	size_t routes_count;
	struct job *jobs;
	struct hash_key *key;
	struct destination *destinations[SENDER_BUCKETS];
	size_t connections;
	struct lookup *lookups;
	uint32_t last_tag;
	uint64_t credit;
	struct loop_timer retry;
	struct frame *scratch;
	bool retiring;
	/* Between the loop and the threads. */
	pthread_mutex_t lock;
	pthread_cond_t greeted;
	int wake;
	struct loop_watch wake_watch;
	struct connection *greeted_first, *greeted_last, *ended;
	struct job *done;
	size_t threads, threads_idle;
	struct tls_results *results;
};

void sender_prepare(struct service *s);
void sender_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd);
void sender_key(struct service *s, str name, str value, str public);
err sender_start(struct service *s);
void sender_retire(struct service *s);
/* Ends the process when it was asked to and nothing is left to do. */
void sender_check_retired(struct sender *s);
