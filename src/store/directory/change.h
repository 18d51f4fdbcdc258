/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the directory, each one transaction together with its row in the audit log. Names are as mailname.h makes
 * them. Errors: EXISTS, ABSENT, LIMIT, STATE with change.reason set; those of the store as sql.h has them. */
#pragma once
#include "store/directory/directory.h"

struct directory_change {
	str caller, verb, words; /* for the audit log: who, what, with which arguments (never a secret) */
	int64_t at;              /* UTC ms */
	bool allow_derivable;    /* accounts.allow_derivable_logins */
	const char *reason;      /* why it was refused; static memory */
	uint32_t highest_before; /* the store's own */
};

/* With a mailbox for postmaster, which nobody can log in to, and its alias abuse; or as another name of the domain main,
 * unless that is absent; or inner, without anything here. */
struct directory_new_domain {
	str name, main;
	bool is_inner;
};
err directory_domain_add(struct directory *d, struct directory_change *c, const struct directory_new_domain *new);
/* STATE: it still has addresses or alias domains. Its postmaster's account becomes a removed one. */
err directory_domain_remove(struct directory *d, struct directory_change *c, str name);
/* Mail for unknown addresses goes to that account; 0: is refused. */
err directory_domain_catch_all(struct directory *d, struct directory_change *c, str name, uint32_t account);

struct directory_new_account {
	str login; /* in lower case; absent: nobody can log in */
	str hash, name;
	int64_t quota;
	const struct mailname *address;
};
err directory_account_add(
	struct directory *d, struct directory_change *c, const struct directory_new_account *new, uint32_t *number);
err directory_account_password(struct directory *d, struct directory_change *c, uint32_t number, str hash);
/* ACTIVE or SUSPENDED. */
err directory_account_state(struct directory *d, struct directory_change *c, uint32_t number, enum account_state state);
/* For good. Its addresses stay with it, so that mail for them is refused as what it is, until they are given away. */
err directory_account_remove(struct directory *d, struct directory_change *c, uint32_t number);
err directory_account_quota(struct directory *d, struct directory_change *c, uint32_t number, int64_t quota);
/* Holds its outgoing mail since that time, or with 0 no more. */
err directory_account_brake(struct directory *d, struct directory_change *c, uint32_t number, int64_t since);
err directory_account_language(struct directory *d, struct directory_change *c, uint32_t number, int language);
err directory_account_name(struct directory *d, struct directory_change *c, uint32_t number, str name);

/* One more address for an account. It may be taken from a removed account, from the mailbox that a domain's postmaster has
 * in the beginning, and from abuse as long as that only leads there. */
err directory_address_add(
	struct directory *d, struct directory_change *c, uint32_t number, const struct mailname *name);
/* Of an account with a login. The postmaster's goes back to the mailbox that it had in the beginning. */
err directory_address_remove(
	struct directory *d, struct directory_change *c, uint32_t number, const struct mailname *name);

struct directory_new_alias {
	struct mailname name;
	const struct mailname *targets;
	size_t count;
	bool may_send;      /* those behind it may send in its name, also if they are several */
	const str *written; /* the targets as they were written, for those of other servers; NULL: all are ours */
};
/* A new alias, or more targets for one that is there. A target of another server becomes a forward (forward.h). A
 * postmaster's first alias takes the place of its mailbox, an abuse's first one that of its way to the postmaster. */
err directory_alias_add(struct directory *d, struct directory_change *c, const struct directory_new_alias *new);
/* One target of it, or with NULL all of it; an alias without targets is gone. postmaster and abuse then become what they
 * were in the beginning. */
err directory_alias_remove(
	struct directory *d, struct directory_change *c, const struct mailname *name, const struct mailname *target);

/* A row of the audit log for what is not one of the above, and for what was refused. */
err directory_audit(struct directory *d, const struct directory_change *c, str result);
