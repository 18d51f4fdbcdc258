/* SPDX-License-Identifier: Apache-2.0 */
/* Forwards to other servers: which of them a recipient has at this moment, and the addresses of our own that their mail
 * leaves with and comes back to.
 *
 *     forward.c        what is forwarded, and what comes back
 *     consent.c        the target is asked, and answers
 *     admin_forward.c  the administrator's commands */
#pragma once
#include "proto/smtp/srs.h"
#include "role/directory/role.h"
#include "store/directory/forward.h"

struct session;
struct recipient;

/* ---- addresses ---- */

/* To be called before anything else of this file; reads or makes the key. */
err forwards_start(struct directory_role *r);

/* HMAC-SHA-256 with the key. False: it could not be computed. */
bool forward_mac(const struct directory_role *r, str text, uint8_t out[FORWARD_HASH]);
/* Signs an address for a forward and writes its local part. hash: of the code that a SRS_CONSENT belongs to. */
void forward_address(
	const struct directory_role *r, const struct directory_forward *f, const struct srs *s, struct buf *out);
/* Is this signature ours, for that forward as it is now? */
bool forward_is_signed(const struct directory_role *r, const struct directory_forward *f, const struct srs *s);
/* Whether a local part in a domain of ours is meant to be such an address. */
bool forward_is_address(str local);

/* Who gets what is for nobody in a domain: the postmaster's person, or the mailbox that stands for them. */
err postmaster_of(struct directory_role *r, str domain, uint32_t *out);

/* ---- RCPT ---- */

/* Adds the forwards of an account to the transaction, as far as they may be used for it. domain: of the
 * address that the client named. *stays: a copy belongs into the mailbox. */
err forwards_of_account(struct session *s, uint32_t account, str domain, bool *stays);
/* Those of an alias. alone: it has no mailbox. *count: how many. */
err forwards_of_alias(
	struct session *s, const struct directory_recipients *behind, str domain, bool alone, size_t *count);

/* The account that an address of ours for a forward leads to, as a recipient. Otherwise what to refuse it with. */
struct forward_verdict {
	unsigned code; /* 0: it is good */
	str status, reason;
};
err forward_recipient(struct session *s, const struct mailname *name, struct recipient *out, struct forward_verdict *v);

/* Has this message left by a forward of ours before? Then it is not forwarded again. */
bool forward_is_back(const struct session *s);

/* ---- DATA ---- */

/* Counts what is forwarded by this transaction. */
void forwards_count(struct session *s);

/* ---- consent ---- */

/* Sends the target a new code. Errors of directory_forward_ask(); ERR_CLOSED: there is no queue at the moment. */
err forward_ask(struct directory_role *r, struct directory_change *c, uint32_t number);
/* Asks the target of a forward that was just set, if it was (e), and ends the command. */
void forward_set(struct admin *a, struct directory_change *c, uint32_t number, err e);
/* A code as somebody typed it. ERR_ABSENT: it is wrong, or no longer good. *number: of which forward. */
err forward_try(struct directory_role *r, str code, uint32_t *number);
/* What `queue` tells. */
void forward_returned(struct directory_role *r, uint32_t number, bool consent, str reason);
