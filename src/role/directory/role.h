/* SPDX-License-Identifier: Apache-2.0 */
/* The process that knows domains, addresses, accounts and passwords and decides who may log in, who may send as whom, and
 * which recipients are taken. One thread, one event loop; nothing in it waits for anything. */
#pragma once
#include "ipc/admin.h"
#include "ipc/peer.h"
#include "role/directory/callout.h"
#include "role/directory/inner.h"
#include "role/directory/jobs.h"
#include "role/directory/networks.h"
#include "role/directory/remember.h"
#include "role/directory/throttle.h"
#include "store/directory/forward.h"

#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

struct directory_role;
struct session;
struct local_users;
struct local_counts;
struct cap;

enum { DIRECTORY_RECORDS = 48000 }; /* as directory_queue.def has it */

enum link_kind {
	LINK_SMTP, /* these five open sessions */
	LINK_SUBMISSION,
	LINK_LMTP,
	LINK_LOCAL,
	LINK_GREETER,
	LINK_HASHER,
	LINK_QUEUE,
	LINK_MAILROOM,
	LINK_FILTER,
	LINK_MAILBOX,
	LINK_LOGGER,
	LINK_SENDER,
};

/* The channel to another process. */
struct link {
	struct directory_role *role;
	struct arena *arena; /* which holds the link itself */
	enum link_kind kind;
	uint32_t account; /* of LINK_MAILBOX */
	struct peer peer;
	struct link *next, *before;
};

struct directory_role {
	struct service *service;
	struct directory *store; /* NULL before start */
	struct admin_door *door;
	struct link *links; /* all of them */
	struct session *sessions;
	struct link *hasher, *queue, *mailroom, *sender; /* NULL: not there at the moment */
	struct callouts callouts;
	struct inner *inner;
	struct jobs jobs;
	struct remembered *remembered;
	struct throttle *throttle;
	struct networks *networks;
	struct brake *brake;
	struct cap *caps;                  /* of what is forwarded where */
	char forward_key[DIRECTORY_KEY];   /* signs the addresses of forwards */
	struct local_users *local_users;   /* NULL: not told yet */
	struct local_counts *local_counts; /* NULL: nobody sent yet */
	struct frame *scratch;             /* for records */
	char *records;                     /* DIRECTORY_RECORDS bytes */
	struct loop_timer tidy, domains_again;
	int64_t alarms_since; /* clock_ms() */
	unsigned alarms_mailed;
	char dummy_hash[DIRECTORY_HASH_MAX + 1]; /* of a password that nobody knows: for logins that nobody has */
};

void directory_role_prepare(struct service *s);
void directory_role_channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd);
err directory_role_start(struct service *s);
void directory_role_renewed(struct service *s);
void directory_role_stop(struct service *s);

/* Tells those that came before start what they need. */
void links_tell(struct directory_role *r);
void links_free(struct directory_role *r);

/* Logs what a store said no to; returns the failure. */
err store_failure(struct directory_role *r, err e);

/* Is the client in one of the networks? */
bool in_networks(const struct conf_networks *networks, const struct address *client);

/* The account's limit in bytes, 0: none; and how many bytes it may still get. */
uint64_t quota_of(const struct directory_role *r, const struct directory_account *a);
uint64_t quota_left(const struct directory_role *r, const struct directory_account *a);
/* Bytes that are on their way to the account from now on. */
void quota_spool(struct directory_account *a, uint64_t bytes);
/* Tells the account's mailbox process its limit, if it runs. */
void quota_tell(struct link *mailbox);
void quota_changed(struct directory_role *r, uint32_t account);

/* Ends an account's sessions and forgets its password: it was suspended, removed, or has a new one. */
void account_evict(struct directory_role *r, uint32_t account);

extern const struct admin_verb directory_verbs[];
