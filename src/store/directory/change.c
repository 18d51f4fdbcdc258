/* SPDX-License-Identifier: Apache-2.0 */
/* A change runs its statements in a transaction; memory follows only after the commit. */
#include "store/directory/change.h"

#include "store/directory/inside.h"
#include "store/directory/names.h"

/* ---- every change ---- */

err directory_audit(struct directory *d, const struct directory_change *c, str result)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_audit_add);
	sql_bind_number(st, c->at);
	sql_bind_text(st, c->caller.p != NULL ? c->caller : S(""));
	sql_bind_text(st, c->verb.p != NULL ? c->verb : S(""));
	sql_bind_text(st, c->words.p != NULL ? c->words : S(""));
	sql_bind_text(st, result);
	return sql_run(st);
}

err change_begin(struct directory *d, struct directory_change *c)
{
	c->reason = NULL;
	c->highest_before = directory_account_highest(d);
	return sql_begin(d->sql);
}

/* Accounts that were made by a change that failed. */
static void forget_new(struct directory *d, uint32_t highest)
{
	for (; d->highest > highest; d->highest--)
		*directory_account(d, d->highest) = (struct directory_account){ .number = 0 };
}

err change_end(struct directory *d, const struct directory_change *c, err e)
{
	if (!failed(e))
		e = directory_audit(d, c, S("done"));
	e = sql_end(d->sql, e);
	if (failed(e))
		forget_new(d, c->highest_before);
	directory_changed(d);
	return e;
}

/* ---- domains ---- */

static err add_main_domain(struct directory *d, struct directory_change *c, str name)
{
	const struct mailname postmaster = { S("postmaster"), name };
	const struct directory_new_account mailbox = {
		.login = NO_STR, .hash = S(""), .name = S("postmaster"), .quota = 0
	};
	uint32_t number;
	TRY(account_insert(d, c, &mailbox, &number));
	TRY(domain_insert(d, c, &(const struct domain_new){ .name = name, .main = S(""), .postmaster = number }));
	TRY(address_insert(d, &postmaster, number, false));
	return abuse_restore(d, name);
}

static err add_alias_domain(struct directory *d, struct directory_change *c, str name, str main)
{
	struct directory_domain domain;
	err e = directory_domain(d, main, &domain);
	if (e.code == ERR_ABSENT)
		return refuse(c, FAIL(ABSENT), "the main domain is not one of ours");
	TRY(e);
	if (domain.main.n > 0)
		return refuse(c, FAIL(STATE), "the main domain is itself another name of a domain");
	if (domain.is_inner)
		return refuse(c, FAIL(STATE),
			"the mailboxes of the main domain are on an inner server: add this one with --inner");
	return domain_insert(d, c, &(const struct domain_new){ .name = name, .main = main });
}

static err add_inner_domain(struct directory *d, struct directory_change *c, str name)
{
	return domain_insert(d, c, &(const struct domain_new){ .name = name, .main = S(""), .is_inner = true });
}

err directory_domain_add(struct directory *d, struct directory_change *c, const struct directory_new_domain *new)
{
	TRY(change_begin(d, c));
	err e = new->main.n > 0 ? add_alias_domain(d, c, new->name, new->main)
		: new->is_inner ? add_inner_domain(d, c, new->name)
				: add_main_domain(d, c, new->name);
	if (e.code == ERR_EXISTS)
		e = refuse(c, e, "the domain is there already");
	return change_end(d, c, e);
}

static err is_empty(struct directory *d, struct directory_change *c, str name)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_address_in);
	sql_bind_text(st, name);
	TRY(sql_one(st));
	bool has_addresses = sql_column_count(st, 0) > 0;
	sql_done(st);
	if (has_addresses)
		return refuse(c, FAIL(STATE), "the domain still has addresses or aliases");
	st = sql_use(d->sql, DIRECTORY_domain_aliases);
	sql_bind_text(st, name);
	err e = sql_one(st);
	sql_done(st);
	if (!failed(e))
		return refuse(c, FAIL(STATE), "the domain still has alias domains");
	return e.code == ERR_ABSENT ? OK : e;
}

static err remove_domain(struct directory *d, struct directory_change *c, str name, uint32_t *postmaster)
{
	struct directory_domain domain;
	err e = directory_domain(d, name, &domain);
	if (e.code == ERR_ABSENT)
		return refuse(c, e, "there is no such domain");
	TRY(e);
	TRY(is_empty(d, c, name));
	static const unsigned clear[] = { DIRECTORY_target_clear, DIRECTORY_forward_clear, DIRECTORY_address_clear,
		DIRECTORY_domain_remove };
	for (size_t i = 0; i < sizeof clear / sizeof *clear; i++) {
		struct sql_statement *st = sql_use(d->sql, clear[i]);
		sql_bind_text(st, name);
		TRY(sql_run(st));
	}
	*postmaster = domain.postmaster;
	return domain.postmaster != 0 ? account_run(d, DIRECTORY_account_remove, domain.postmaster) : OK;
}

err directory_domain_remove(struct directory *d, struct directory_change *c, str name)
{
	uint32_t postmaster = 0;
	TRY(change_begin(d, c));
	TRY(change_end(d, c, remove_domain(d, c, name, &postmaster)));
	if (directory_account(d, postmaster) != NULL)
		directory_account(d, postmaster)->state = ACCOUNT_REMOVED;
	return OK;
}

static err set_catch_all(struct directory *d, struct directory_change *c, str name, uint32_t account)
{
	struct directory_domain domain;
	err e = directory_domain(d, name, &domain);
	if (e.code == ERR_ABSENT)
		return refuse(c, e, "there is no such domain");
	TRY(e);
	if (domain.main.n > 0)
		return refuse(c, FAIL(STATE), "it is another name of a domain: set the catch-all of that one");
	if (domain.is_inner)
		return refuse(c, FAIL(STATE), "its mailboxes are on an inner server");
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_domain_catch_all);
	sql_bind_number(st, account);
	sql_bind_text(st, name);
	return sql_run(st);
}

err directory_domain_catch_all(struct directory *d, struct directory_change *c, str name, uint32_t account)
{
	TRY(change_begin(d, c));
	return change_end(d, c, set_catch_all(d, c, name, account));
}

/* ---- accounts ---- */

static err add_account(
	struct directory *d, struct directory_change *c, const struct directory_new_account *new, uint32_t *number)
{
	TRY(account_insert(d, c, new, number));
	return address_give(d, c, *number, new->address);
}

err directory_account_add(
	struct directory *d, struct directory_change *c, const struct directory_new_account *new, uint32_t *number)
{
	struct directory_account *a;
	TRY(change_begin(d, c));
	TRY(change_end(d, c, add_account(d, c, new, number)));
	a = directory_account(d, *number);
	a->has_login = new->login.p != NULL;
	a->quota = new->quota;
	return OK;
}

/* The account must be there and not removed. */
static err find_account(struct directory *d, struct directory_change *c, uint32_t number)
{
	struct directory_account *a = directory_account(d, number);
	if (a == NULL || a->state == ACCOUNT_REMOVED)
		return refuse(c, FAIL(ABSENT), "there is no such account");
	return OK;
}

static err change_account(struct directory *d, struct directory_change *c, uint32_t number, struct sql_statement *st)
{
	err e = find_account(d, c, number);
	sql_bind_number(st, number);
	if (!failed(e))
		e = sql_run(st);
	else
		sql_done(st);
	return e;
}

err directory_account_password(struct directory *d, struct directory_change *c, uint32_t number, str hash)
{
	TRY(change_begin(d, c));
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_password);
	sql_bind_text(st, hash);
	return change_end(d, c, change_account(d, c, number, st));
}

err directory_account_state(struct directory *d, struct directory_change *c, uint32_t number, enum account_state state)
{
	TRY(change_begin(d, c));
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_state);
	sql_bind_number(st, state);
	TRY(change_end(d, c, change_account(d, c, number, st)));
	directory_account(d, number)->state = state;
	return OK;
}

static err remove_account(struct directory *d, struct directory_change *c, uint32_t number)
{
	TRY(find_account(d, c, number));
	if (!directory_account(d, number)->has_login)
		return refuse(c, FAIL(STATE), "it belongs to its domain and goes with it");
	TRY(account_run(d, DIRECTORY_forward_leave, number));
	return account_run(d, DIRECTORY_account_remove, number);
}

err directory_account_remove(struct directory *d, struct directory_change *c, uint32_t number)
{
	TRY(change_begin(d, c));
	TRY(change_end(d, c, remove_account(d, c, number)));
	directory_account(d, number)->state = ACCOUNT_REMOVED;
	directory_account(d, number)->has_login = false;
	directory_account(d, number)->forwards = 0;
	return OK;
}

err directory_account_quota(struct directory *d, struct directory_change *c, uint32_t number, int64_t quota)
{
	TRY(change_begin(d, c));
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_quota);
	sql_bind_number(st, quota);
	TRY(change_end(d, c, change_account(d, c, number, st)));
	directory_account(d, number)->quota = quota;
	return OK;
}

err directory_account_brake(struct directory *d, struct directory_change *c, uint32_t number, int64_t since)
{
	TRY(change_begin(d, c));
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_brake);
	sql_bind_number(st, since);
	TRY(change_end(d, c, change_account(d, c, number, st)));
	directory_account(d, number)->braked = since;
	return OK;
}

err directory_account_language(struct directory *d, struct directory_change *c, uint32_t number, int language)
{
	TRY(change_begin(d, c));
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_language);
	sql_bind_number(st, language);
	TRY(change_end(d, c, change_account(d, c, number, st)));
	directory_account(d, number)->language = language;
	return OK;
}

err directory_account_name(struct directory *d, struct directory_change *c, uint32_t number, str name)
{
	TRY(change_begin(d, c));
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_name);
	sql_bind_text(st, name);
	return change_end(d, c, change_account(d, c, number, st));
}

/* ---- addresses and aliases ---- */

err directory_address_add(struct directory *d, struct directory_change *c, uint32_t number, const struct mailname *name)
{
	TRY(change_begin(d, c));
	err e = find_account(d, c, number);
	return change_end(d, c, failed(e) ? e : address_give(d, c, number, name));
}

static err take_address(struct directory *d, struct directory_change *c, uint32_t number, const struct mailname *name)
{
	struct directory_address address;
	TRY(find_account(d, c, number));
	err e = directory_address(d, name, &address);
	if (e.code == ERR_ABSENT || (!failed(e) && address.account != number))
		return refuse(c, FAIL(ABSENT), "the account does not have this address");
	TRY(e);
	if (!directory_account(d, number)->has_login)
		return refuse(c, FAIL(STATE), "it belongs to its domain and goes with it");
	TRY(address_delete(d, name));
	return address_restore(d, name);
}

err directory_address_remove(
	struct directory *d, struct directory_change *c, uint32_t number, const struct mailname *name)
{
	TRY(change_begin(d, c));
	return change_end(d, c, take_address(d, c, number, name));
}

static err check_expansion(struct directory *d, struct directory_change *c, const struct mailname *name)
{
	struct directory_recipients behind;
	err e = directory_expand(d, name, &behind);
	if (e.code == ERR_LIMIT)
		return refuse(c, e, "too many addresses or aliases stand behind it");
	TRY(e);
	size_t elsewhere = behind.forwards_count + behind.asked_count + behind.suspended_count;
	return behind.count + elsewhere == 0 ? refuse(c, FAIL(STATE), "it leads to no mailbox") : OK;
}

/* An alias that is there already, unless it is abuse as it was in the beginning; else a new one. */
static err open_alias(struct directory *d, struct directory_change *c, const struct directory_new_alias *new)
{
	struct directory_address held;
	bool is_initial = false;
	err e = directory_address(d, &new->name, &held);
	if (!failed(e) && held.account == 0)
		e = abuse_is_initial(d, &new->name, &is_initial);
	if (failed(e) && e.code != ERR_ABSENT)
		return e;
	if (failed(e) || held.account != 0 || is_initial) {
		TRY(address_free(d, c, &new->name));
		return address_insert(d, &new->name, 0, new->may_send);
	}
	return new->may_send ? address_let_send(d, &new->name) : OK;
}

static err add_alias(struct directory *d, struct directory_change *c, const struct directory_new_alias *new)
{
	TRY(open_alias(d, c, new));
	for (size_t i = 0; i < new->count; i++) {
		TRY(target_check(d, c, &new->name, &new->targets[i]));
		err e = target_insert(d, &new->name, &new->targets[i]);
		if (e.code == ERR_EXISTS)
			return refuse(c, e, "it is a target of this alias already");
		TRY(e);
		TRY(forward_insert_for_alias(d, c, new, i));
	}
	directory_changed(d);
	return check_expansion(d, c, &new->name);
}

err directory_alias_add(struct directory *d, struct directory_change *c, const struct directory_new_alias *new)
{
	TRY(change_begin(d, c));
	return change_end(d, c, add_alias(d, c, new));
}

static err remove_target(struct directory *d, struct directory_change *c, const struct mailname *name,
	const struct mailname *target, bool *was_last)
{
	size_t left;
	TRY(target_delete(d, name, target, &left));
	if (left == SIZE_MAX)
		return refuse(c, FAIL(ABSENT), "it is not a target of this alias");
	*was_last = left == 0;
	return OK;
}

static err remove_alias(
	struct directory *d, struct directory_change *c, const struct mailname *name, const struct mailname *target)
{
	struct directory_address address;
	bool is_over = true;
	err e = directory_address(d, name, &address);
	if (e.code == ERR_ABSENT || (!failed(e) && address.account != 0))
		return refuse(c, FAIL(ABSENT), "there is no such alias");
	TRY(e);
	if (target != NULL)
		TRY(remove_target(d, c, name, target, &is_over));
	if (!is_over)
		return OK;
	TRY(address_delete(d, name));
	return address_restore(d, name);
}

err directory_alias_remove(
	struct directory *d, struct directory_change *c, const struct mailname *name, const struct mailname *target)
{
	TRY(change_begin(d, c));
	return change_end(d, c, remove_alias(d, c, name, target));
}
