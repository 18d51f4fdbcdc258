/* SPDX-License-Identifier: Apache-2.0 */
/* From a list of addresses to a thread that talks to a server, and back. */
#pragma once
#include <pthread.h>

#include "role/sender/destination.h"

enum { ATTEMPTS_MAX = 4 }; /* addresses tried at once for one connection */

struct attempt {
	struct connection *connection;
	struct loop_watch watch;
	int fd; /* -1: none */
	struct address address;
};

struct probe;

enum connection_state { CONNECTION_DIALLING, CONNECTION_CONNECTED, CONNECTION_GREETED, CONNECTION_SESSION };

struct connection {
	struct connection *next, *before; /* of its destination */
	struct connection *next_greeted;  /* waits for a thread; or has come back from one */
	struct connection *next_idle;
	struct connection *next_lingering, *before_lingering; /* of all that wait for mail; guarded by sender.lock */
	unsigned rank;                                        /* whose turn it is to get a thread */
	bool bulk, yields;   /* what it carries or carried last; others need its thread: guarded by sender.lock */
	struct arena *arena; /* it lives in it */
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
	bool counted;            /* among those that dial: it has no job yet; guarded by sender.lock */
	bool worked;             /* a server has answered in it: it is no failure of the destination */
	bool again;              /* the same address once more */
	const char *tls_version; /* static memory; NULL: none */
	bool proved;
	struct probe *probe; /* a command that watches; or NULL */
	bool probed;         /* it was made for one, which waits for its end */
};

/* Begins another connection to a destination. False: it has come to nothing already. */
bool dial(struct destination *d);
/* One without mail, for a command. NULL: it has come to nothing already, as destination.failure says. */
struct connection *dial_probe(struct destination *d, struct probe *p);
/* Goes on with the next address; gives up when there is none. */
void dial_next(struct connection *c);
/* The host at hand is this server itself: gives up. */
void dial_looped(struct connection *c);
/* Forgets it. */
void connection_free(struct connection *c);

/* ---- threads ---- */

/* Gives a greeted connection to a thread, as soon as one is free. */
void threads_give(struct connection *c);
err threads_init(struct sender *s);
/* Who gets a thread, and who gives it up. turns.c; sender.lock is held. */
void turns_add(struct connection *c);
/* NULL: nobody may have one now. */
struct connection *turns_next(struct sender *s);
/* The connection has got a job, or (NULL) its session has ended. */
void turns_job(struct connection *c, const struct job *j);
bool turns_may_linger(const struct connection *c);
void turns_linger(struct connection *c);
void turns_linger_end(struct connection *c);
/* Whether one that may have a thread finds none idle. */
bool turns_lack_thread(const struct sender *s);
/* One that only waits for mail is asked to end if those that have mail lack what it holds. */
void turns_make_room(struct sender *s);
/* For the session: the next job for this connection, or NULL when it should end. Waits for `linger` at most. */
struct job *threads_next_job(struct connection *c, int64_t linger);
/* For the session: this job has ended. Any thread. */
void threads_job_done(struct job *j);
/* Gives a job that was not begun back to the front of its destination. */
void threads_give_back(struct connection *c, struct job *j);
/* What one greeted connection does, in its thread. session.c */
void session_run(struct connection *c);
