/* SPDX-License-Identifier: Apache-2.0 */
/* Where mail for a domain goes: its hosts, their addresses and what the DNS says of their certificates. */
#pragma once
#include "ipc/sts.h"
#include "os/loop.h"
#include "proto/mta_sts/policy.h"
#include "role/sender/job.h"
#include "role/sender/route.h"
#include "trust/mx.h"

enum { HOST_ADDRESSES_MAX = 12, HOST_RECORDS_MAX = 16, RECORD_SHOWN_MAX = 400 };

struct connection;

enum host_state { HOST_UNKNOWN, HOST_ASKED, HOST_USABLE, HOST_UNUSABLE };

struct host {
	str name;
	uint16_t port;
	enum host_state state;
	bool mx_secure, has_preference;
	uint16_t preference; /* of the MX record that named it */
	unsigned open;       /* questions not answered yet */
	/* Known once it is usable. */
	struct address addresses[HOST_ADDRESSES_MAX]; /* in the order in which they are tried */
	size_t count;
	enum evidence evidence; /* of the addresses */
	enum dane_demand dane;
	str tlsa_base;   /* the name that the records were found under */
	str tlsa_second; /* asked for when there are none under the first; or absent */
	struct tlsa_record records[HOST_RECORDS_MAX];
	size_t records_count; /* usable ones */
	size_t records_seen;  /* with the others behind them, which are cut to RECORD_SHOWN_MAX: for reports */
	/* Why it is not. */
	struct failure failure;
	/* While its addresses are being asked for. */
	struct address v4[HOST_ADDRESSES_MAX], v6[HOST_ADDRESSES_MAX];
	size_t v4_count, v6_count;
	bool broken, unreachable;
	char reason[TEXT_MAX + 1];
};

/* What the domain itself says of the way to it: MTA-STS. RFC 8461 */
enum policy_state { POLICY_UNASKED, POLICY_ASKED, POLICY_KNOWN };
struct policy {
	enum policy_state state;
	uint32_t tag;
	struct destination *next_asking;
	struct loop_timer timer;
	int64_t end;               /* clock_ms(): then mail goes without it, */
	bool unasked;              /* or waits for a better time, if there never was room for the question */
	struct mta_sts_policy sts; /* of mode MTA_STS_NONE where there is none */
	str id, reason;            /* reason: why there is none, or why a kept one */
	bool kept;
	enum sts_failure failure; /* the reason is one for reports */
	bool broken; /* a host did not keep to it: is asked for anew (RFC 8461 5.1). Guarded by sender.lock */
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
	bool asks; /* has questions and no mail, and connections of its own for them */
	const struct route *route;
	enum destination_progress progress;
	int64_t known_since;
	struct host *hosts;
	size_t hosts_count;
	bool hosts_known;
	struct policy policy;
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
/* Takes a job back that waits for a server to greet. False: one has, or a session has the job. */
bool destination_withdraw(struct job *j);
/* Its lookups have gone on: whoever waits for them goes on too. */
void destination_go_on(struct destination *d);
/* A connection has tried everything in vain: mail that waits is answered with its failure, unless others still try. */
void destination_give_up(struct destination *d, const struct failure *f);
/* Frees it when nobody needs it any more, later. */
void destination_rest(struct destination *d);
/* Somebody has taken (or refused) a message there. */
void destination_worked(struct destination *d);
void destinations_init(struct sender *s);
struct destination *destination_find(struct sender *s, str name, enum security_wish wish, bool asks);
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
/* The same without destination_go_on() at the end, for who looks at all hosts at once; it still comes with the answers. */
void lookup_host_quietly(struct destination *d, struct host *h);

/* The one or the other has become known: with both the destination is. */
void destination_hosts_and_policy(struct destination *d);

/* ---- policy.c ---- */

/* Asks for the policy; answered by destination_hosts_and_policy() and destination_go_on(). */
void policy_ask(struct destination *d);
void policies_attach(struct sender *s, int fd);
void policies_init(struct sender *s);
enum sts_mode policy_mode(const struct destination *d);
/* Whether the policy names that host. RFC 8461 4.1 */
bool policy_names(const struct destination *d, const struct host *h);
/* A host does not keep to it: the log says so, and mail that comes next asks for it anew. Any thread. */
void policy_broken(const struct log *log, struct destination *d, const struct host *h, const char *reason);

/* How secure the way to that host must be. */
struct security destination_security(const struct destination *d, const struct host *h);
