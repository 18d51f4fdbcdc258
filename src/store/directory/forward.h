/* SPDX-License-Identifier: Apache-2.0 */
/* Forwards to other servers: of an alias, or of an account. Each has a number that is signed into the addresses that its mail
 * leaves with. Nothing is forwarded before the target agreed: it is sent a code, of which only a hash is kept. */
#pragma once
#include "store/directory/change.h"

enum {
	FORWARD_HASH = 32,
	FORWARD_TRIES_MAX = 5,        /* wrong codes; then a new one must be sent */
	FORWARD_ASKED_A_DAY = 3,      /* codes to one target in a day, whatever forwards it has */
	FORWARD_REASON_MAX = 400,
	FORWARD_FAILURES_MS = 604800000, /* failures count together within a week */
	FORWARD_ROOM = 4 * MAILNAME_MAX + FORWARD_REASON_MAX,
};

/* Stored: never renumber. */
enum forward_state {
	FORWARD_ASKED = 0,     /* the target has not agreed yet */
	FORWARD_ACTIVE = 1,
	FORWARD_SUSPENDED = 2, /* it failed too often */
};

struct directory_forward {
	uint32_t number;
	uint32_t account;      /* whose it is; 0: an alias' */
	struct mailname alias; /* of an alias; empty otherwise */
	str target;            /* as it was written */
	enum forward_state state;
	bool keeps; /* of an account: a copy stays in its mailbox */
	char hash[FORWARD_HASH];
	bool has_code;
	int64_t code_until, confirmed, created; /* UTC ms; 0: never */
	unsigned tries, failures;
	str reason; /* of the last failure */
};

/* The texts live in the room, which has FORWARD_ROOM bytes. ERR_ABSENT. */
err directory_forward(struct directory *d, uint32_t number, struct buf *room, struct directory_forward *out);

typedef void directory_forward_fn(void *ctx, const struct directory_forward *f);
/* All of them, or those of an account. What is handed over lives until the function returns. */
err directory_each_forward(struct directory *d, uint32_t account, directory_forward_fn *each, void *ctx);

/* A new one of an account; all that it has keep a copy, or none. EXISTS, STATE: the target is ours; LIMIT. */
err directory_forward_add(
	struct directory *d, struct directory_change *c, uint32_t account, str target, bool keeps, uint32_t *number);
err directory_forward_keep(struct directory *d, struct directory_change *c, uint32_t account, bool keeps);
/* Of an account, or with its target of an alias. ABSENT. */
err directory_forward_remove(struct directory *d, struct directory_change *c, uint32_t number);
/* The account's forward to that target. ABSENT. */
err directory_forward_to(struct directory *d, uint32_t account, str target, uint32_t *number);
/* The alias'. ABSENT. */
err directory_forward_of_alias(
	struct directory *d, const struct mailname *alias, const struct mailname *target, uint32_t *number);

/* A new code is about to be sent. LIMIT: the target got enough of them today; STATE: it has agreed already. */
err directory_forward_ask(
	struct directory *d, struct directory_change *c, uint32_t number, const char hash[FORWARD_HASH], int64_t until);
/* A wrong code was tried. */
err directory_forward_try(struct directory *d, uint32_t number);
/* The target agrees. Also ends a suspension. */
err directory_forward_confirm(struct directory *d, struct directory_change *c, uint32_t number);
/* It failed for good. *suspended: that was once too often, and nothing is forwarded from now on. most 0: never too often. */
err directory_forward_failed(
	struct directory *d, uint32_t number, int64_t now, str reason, unsigned most, bool *suspended);

/* A key made at first use and kept. */
enum { DIRECTORY_KEY = 32 };
err directory_key(struct directory *d, char out[DIRECTORY_KEY]);
