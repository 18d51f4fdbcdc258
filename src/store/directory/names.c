/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/names.h"

#include "store/directory/derive.h"

err domain_insert(struct directory *d, struct directory_change *c, const struct domain_new *domain)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_domain_add);
	sql_bind_text(st, domain->name);
	sql_bind_text(st, domain->main);
	sql_bind_number(st, domain->postmaster);
	sql_bind_number(st, domain->is_inner ? 1 : 0);
	sql_bind_number(st, c->at);
	return sql_run(st);
}

/* ---- accounts ---- */

err account_insert(
	struct directory *d, struct directory_change *c, const struct directory_new_account *new, uint32_t *number)
{
	struct directory_account *a;
	uint32_t next = d->highest + 1;
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_add);
	sql_bind_number(st, next);
	sql_bind_text(st, new->login);
	sql_bind_text(st, new->hash);
	sql_bind_number(st, new->quota);
	sql_bind_text(st, new->name.p != NULL ? new->name : S(""));
	sql_bind_number(st, c->at);
	err e = sql_run(st);
	if (e.code == ERR_EXISTS)
		return refuse(c, e, "the login is taken");
	TRY(e);
	e = directory_account_new(d, next, &a);
	if (e.code == ERR_LIMIT)
		return refuse(c, e, "there are too many accounts");
	TRY(e);
	*number = next;
	return OK;
}

err account_run(struct directory *d, unsigned operation, uint32_t number)
{
	struct sql_statement *st = sql_use(d->sql, operation);
	sql_bind_number(st, number);
	return sql_run(st);
}

/* The login, which lives until the next account_show. */
static err login_of(struct directory *d, uint32_t number, struct sql_statement **st, str *out)
{
	*st = sql_use(d->sql, DIRECTORY_account_show);
	sql_bind_number(*st, number);
	TRY(sql_one(*st));
	*out = sql_column_bytes(*st, 0);
	return OK;
}

static err check_login(struct directory *d, struct directory_change *c, uint32_t number, const struct mailname *name)
{
	struct sql_statement *st;
	str login;
	if (c->allow_derivable)
		return OK;
	TRY(login_of(d, number, &st, &login));
	const char *reason = login.p != NULL ? login_derivable(login, name) : NULL;
	sql_done(st);
	return reason != NULL ? refuse(c, FAIL(STATE), reason) : OK;
}

/* The same for every other name of the address' domain. */
static err check_login_everywhere(
	struct directory *d, struct directory_change *c, uint32_t number, const struct mailname *name)
{
	struct sql_statement *st;
	bool row;
	err e = check_login(d, c, number, name);
	if (failed(e))
		return e;
	st = sql_use(d->sql, DIRECTORY_domain_aliases);
	sql_bind_text(st, name->domain);
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row)) {
		struct mailname other = { name->local, sql_column_bytes(st, 0) };
		e = check_login(d, c, number, &other);
		if (failed(e))
			break;
	}
	sql_done(st);
	return e;
}

/* ---- addresses ---- */

static struct sql_statement *with_name(struct directory *d, unsigned operation, const struct mailname *name)
{
	struct sql_statement *st = sql_use(d->sql, operation);
	sql_bind_text(st, name->domain);
	sql_bind_text(st, name->local);
	return st;
}

err address_insert(struct directory *d, const struct mailname *name, uint32_t account, bool may_send)
{
	struct sql_statement *st = with_name(d, DIRECTORY_address_add, name);
	sql_bind_number(st, account);
	sql_bind_number(st, may_send ? 1 : 0);
	return sql_run(st);
}

err address_let_send(struct directory *d, const struct mailname *name)
{
	return sql_run(with_name(d, DIRECTORY_address_senders, name));
}

err address_delete(struct directory *d, const struct mailname *name)
{
	TRY(sql_run(with_name(d, DIRECTORY_target_remove, name)));
	TRY(sql_run(with_name(d, DIRECTORY_forward_alias, name)));
	return sql_run(with_name(d, DIRECTORY_address_remove, name));
}

err target_insert(struct directory *d, const struct mailname *alias, const struct mailname *target)
{
	struct sql_statement *st = with_name(d, DIRECTORY_target_add, alias);
	sql_bind_text(st, target->domain);
	sql_bind_text(st, target->local);
	return sql_run(st);
}

err target_delete(struct directory *d, const struct mailname *alias, const struct mailname *target, size_t *left)
{
	struct sql_statement *st = with_name(d, DIRECTORY_target_delete, alias);
	sql_bind_text(st, target->domain);
	sql_bind_text(st, target->local);
	TRY(sql_run(st));
	if (sql_changes(d->sql) == 0) {
		*left = SIZE_MAX;
		return OK;
	}
	st = with_name(d, DIRECTORY_forward_target, alias);
	sql_bind_text(st, target->domain);
	sql_bind_text(st, target->local);
	TRY(sql_run(st));
	st = with_name(d, DIRECTORY_target_count, alias);
	TRY(sql_one(st));
	*left = (size_t)sql_column_count(st, 0);
	sql_done(st);
	return OK;
}

static bool is_abuse(const struct mailname *name) { return str_eq(name->local, S("abuse")); }
static bool is_postmaster(const struct mailname *name) { return str_eq(name->local, S("postmaster")); }

err abuse_is_initial(struct directory *d, const struct mailname *alias, bool *out)
{
	struct sql_statement *st = with_name(d, DIRECTORY_target_of, alias);
	bool row;
	size_t count = 0, right = 0;
	err e;
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row)) {
		const struct mailname target = { sql_column_bytes(st, 1), sql_column_bytes(st, 0) };
		right += is_postmaster(&target) && str_eq(target.domain, alias->domain);
		count++;
	}
	TRY(e);
	*out = is_abuse(alias) && count == 1 && right == 1;
	return OK;
}

static err may_be_taken(
	struct directory *d, const struct mailname *name, const struct directory_address *held, bool *out)
{
	*out = false;
	if (held->account != 0) {
		const struct directory_account *a = directory_account(d, held->account);
		*out = a->state == ACCOUNT_REMOVED || !a->has_login;
		return OK;
	}
	return abuse_is_initial(d, name, out);
}

err address_free(struct directory *d, struct directory_change *c, const struct mailname *name)
{
	struct directory_domain domain;
	struct directory_address held;
	bool may;
	err e = directory_domain(d, name->domain, &domain);
	if (e.code == ERR_ABSENT)
		return refuse(c, e, "its domain is not one of ours");
	TRY(e);
	if (domain.main.n > 0)
		return refuse(c, FAIL(STATE), "its domain is another name of a domain: use that one");
	if (domain.is_inner)
		return refuse(c, FAIL(STATE), "the mailboxes of its domain are on an inner server");
	e = directory_address(d, name, &held);
	if (e.code == ERR_ABSENT)
		return OK;
	TRY(e);
	TRY(may_be_taken(d, name, &held, &may));
	if (!may)
		return refuse(c, FAIL(EXISTS), "the address is taken");
	return address_delete(d, name);
}

err address_give(struct directory *d, struct directory_change *c, uint32_t number, const struct mailname *name)
{
	TRY(address_free(d, c, name));
	TRY(check_login_everywhere(d, c, number, name));
	return address_insert(d, name, number, false);
}

err abuse_restore(struct directory *d, str domain)
{
	const struct mailname abuse = { S("abuse"), domain }, postmaster = { S("postmaster"), domain };
	TRY(address_insert(d, &abuse, 0, false));
	return target_insert(d, &abuse, &postmaster);
}

err address_restore(struct directory *d, const struct mailname *name)
{
	struct directory_domain domain;
	if (is_abuse(name))
		return abuse_restore(d, name->domain);
	if (!is_postmaster(name))
		return OK;
	TRY(directory_domain(d, name->domain, &domain));
	return address_insert(d, name, domain.postmaster, false);
}

err target_check(
	struct directory *d, struct directory_change *c, const struct mailname *alias, const struct mailname *target)
{
	struct directory_match match;
	if (mailname_eq(alias, target))
		return refuse(c, FAIL(STATE), "an alias cannot lead to itself");
	TRY(directory_find(d, target, '\0', &match));
	if (match.kind == DIRECTORY_ELSEWHERE)
		return OK; /* a forward: its target will be asked */
	if (match.kind == DIRECTORY_INNER)
		return refuse(c, FAIL(STATE), "a target is in a domain whose mailboxes are on an inner server");
	if (match.kind == DIRECTORY_UNKNOWN || match.is_catch_all)
		return refuse(c, FAIL(ABSENT), "a target is unknown");
	return match.kind == DIRECTORY_MAILBOX ? check_login_everywhere(d, c, match.account, alias) : OK;
}
