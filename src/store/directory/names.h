/* SPDX-License-Identifier: Apache-2.0 */
/* The steps that changes are made of, all within a transaction: rows of domains, accounts, addresses and targets, and the
 * rules for who may have an address. */
#pragma once
#include "store/directory/change.h"
#include "store/directory/inside.h"

/* Notes the reason and returns the failure. */
static inline err refuse(struct directory_change *c, err e, const char *reason)
{
	c->reason = reason;
	return e;
}

/* main: of which it is another name, or empty. */
struct domain_new {
	str name, main;
	uint32_t postmaster;
	bool is_inner;
};
err domain_insert(struct directory *d, struct directory_change *c, const struct domain_new *domain);

/* Gives it the next number. EXISTS: the login is taken. */
err account_insert(
	struct directory *d, struct directory_change *c, const struct directory_new_account *new, uint32_t *number);
/* An operation that takes the number of an account only. */
err account_run(struct directory *d, unsigned operation, uint32_t number);

/* account 0: an alias. */
err address_insert(struct directory *d, const struct mailname *name, uint32_t account, bool may_send);
/* Those behind an alias may send in its name from now on. */
err address_let_send(struct directory *d, const struct mailname *name);
/* With its targets, if it is an alias. */
err address_delete(struct directory *d, const struct mailname *name);
/* Makes an address free that may be taken from whoever has it now; EXISTS if it may not; ABSENT: not our domain. */
err address_free(struct directory *d, struct directory_change *c, const struct mailname *name);
/* Gives a free address to an account; STATE if its login follows from it. */
err address_give(struct directory *d, struct directory_change *c, uint32_t number, const struct mailname *name);
/* postmaster and abuse are never without somebody. */
err address_restore(struct directory *d, const struct mailname *name);
err abuse_restore(struct directory *d, str domain);
/* Is this an abuse that leads only to its postmaster? */
err abuse_is_initial(struct directory *d, const struct mailname *alias, bool *out);

err target_insert(struct directory *d, const struct mailname *alias, const struct mailname *target);
/* *left: targets that the alias still has; SIZE_MAX: that was none of them. */
err target_delete(struct directory *d, const struct mailname *alias, const struct mailname *target, size_t *left);
/* ABSENT: not ours or unknown; STATE: an alias to itself, or one that gives a login away. */
err target_check(
	struct directory *d, struct directory_change *c, const struct mailname *alias, const struct mailname *target);

/* The forward that a target of another server is; nothing for one of ours. STATE: no such target is allowed here. */
err forward_insert_for_alias(
	struct directory *d, struct directory_change *c, const struct directory_new_alias *new, size_t target);
