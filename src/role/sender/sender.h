/* SPDX-License-Identifier: Apache-2.0 */
/* The process that carries mail to other servers. The main loop finds out where a destination is, dials, and talks to
 * `queue`; a connection that has been greeted gets a thread, which speaks SMTP in straight lines (session.h).
 *
 *     jobs.c         what queue gives and is told      destination.c  where mail for a domain goes, who carries it
 *     lookup.c       asks the resolver                 dial.c         from a list of addresses to a greeting
 *     policy.c       asks ledger for MTA-STS           results.c      tells ledger how TLS went
 *     threads.c      from there to a thread and back   route.c        what the administrator said of a domain
 *     delivered.c    what must not be forgotten when this process is killed
 *     callout.c      what directory asks               judge.c        what a server's reply to that means */
#pragma once
#include <pthread.h>

#include "ipc/dns.h"
#include "ipc/peer.h"
#include "role/sender/connection.h"
#include "tls/client.h"

enum { SENDER_BUCKETS = 4096, SENDER_JOB_BUCKETS = 1024 };

struct lookup;
struct delivered;

struct sender {
	struct service *service;
	const struct conf *conf;
	struct tls_client *trust;
	str helo;
	struct peer queue, resolver, ledger, directory;
	size_t callouts;      /* open questions */
	uint32_t directories; /* how many channels to it there have been */
	struct admin_door *door;
	struct route *routes;
	size_t routes_count;
	struct job *jobs, *numbers[SENDER_JOB_BUCKETS];
	struct job *untold, *untold_last; /* ended, their results not sent yet */
	struct hash_key *key;
	struct destination *destinations[SENDER_BUCKETS];
	size_t destinations_count; /* also those that have left their bucket */
	size_t connections;
	struct lookup *lookups;
	struct destination *asking; /* for their policies */
	uint32_t last_tag;
	uint64_t credit;
	struct loop_timer retry;
	struct frame *scratch;
	bool retiring, has_authorities;
	/* Between the loop and the threads. */
	pthread_mutex_t lock;
	pthread_cond_t greeted;
	int wake;
	struct loop_watch wake_watch;
	struct connection *greeted_first, *greeted_last, *ended;
	struct job *done;
	size_t greeted_count, greeted_bulk;
	size_t threads, threads_idle; /* idle: those that have just been started, too */
	size_t bulk_sessions;
	struct connection *lingering, *lingering_last; /* the longest first */
	struct probe *probes;
	struct tls_results *results; /* guarded by lock */
	struct loop_timer results_timer;
	struct delivered *delivered; /* delivered.h; NULL: none was given */
};

/* ---- results.c ---- */

/* How TLS went in one session, or why there was none. */
struct tls_note {
	const struct destination *destination;
	const struct host *host;               /* NULL: it is the domain's own records that failed */
	const struct address *address, *local; /* NULL: it was not connected to */
	str helo;                              /* the name that it gave itself */
	enum security_source source;
	enum tls_result_type type; /* RFC 8460 4.3 */
	str reason;                /* of a failure */
};

void results_init(struct sender *s);
/* Counts it, and beside it that the domain's policy could not be had. Any thread. */
void results_note(struct sender *s, const struct tls_note *n);
/* The domain's records (host NULL), or the addresses of a host, are not signed as they should be. Main loop. */
void results_note_bogus(struct destination *d, const struct host *h);
/* What was noted is told to ledger: soon; now. Main loop. */
void results_due(struct sender *s);
void results_send(struct sender *s);

/* ---- callout.c ---- */

void callouts_init(struct sender *s);
void callouts_attach(struct sender *s, int fd);
/* The question has been answered, or came to nothing. It is gone then. */
void callout_end(struct job *j);
/* An inner server has not taken a message that was for recipients which it had said it takes. */
void callouts_doubt(const struct job *j);

/* ---- ourselves.c ---- */

/* Our end of a connection. False: it has none. */
bool own_address(int fd, struct address *out);
/* Whether a socket that has connected to that address and port is answered by this server itself. */
bool leads_to_ourselves(const struct sender *s, int fd, const struct address *to, uint16_t port);

/* ---- route_test.c ---- */

void probes_init(struct sender *s);
void probes_attach(struct sender *s, int fd);
/* What is known of a destination has changed. */
void probes_go_on(struct destination *d);
/* The connection that a command watches is about to be freed. */
void probe_connection_ended(struct connection *c);

void sender_prepare(struct service *s);
void sender_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd);
void sender_file(struct service *s, str name, int fd);
err sender_start(struct service *s);
void sender_retire(struct service *s);
/* Ends the process when it was asked to and nothing is left to do. */
void sender_check_retired(struct sender *s);
