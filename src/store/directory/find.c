/* SPDX-License-Identifier: Apache-2.0 */
/* From an address to the accounts behind it. */
#include "store/directory/forward.h"
#include "store/directory/inside.h"

err directory_domain(struct directory *d, str name, struct directory_domain *out)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_domain_find);
	sql_bind_text(st, name);
	TRY(sql_one(st));
	struct buf main = BUF_ON(out->main_room);
	buf_add(&main, sql_column_bytes(st, 0));
	out->main = buf_str(&main);
	out->catch_all = (uint32_t)sql_column_count(st, 1);
	out->postmaster = (uint32_t)sql_column_count(st, 2);
	out->is_inner = sql_column_number(st, 3) != 0;
	sql_done(st);
	return main.lost ? FAIL(DAMAGED) : OK;
}

err directory_postmaster(struct directory *d, str domain, uint32_t *out)
{
	struct directory_domain found, main;
	TRY(directory_domain(d, domain, &found));
	if (found.main.n > 0)
		TRY(directory_domain(d, found.main, &main));
	*out = found.main.n > 0 ? main.postmaster : found.postmaster;
	return directory_account(d, *out) != NULL ? OK : FAIL(DAMAGED);
}

err directory_address(struct directory *d, const struct mailname *name, struct directory_address *out)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_address_find);
	sql_bind_text(st, name->domain);
	sql_bind_text(st, name->local);
	TRY(sql_one(st));
	struct directory_address found = { (uint32_t)sql_column_count(st, 0), sql_column_number(st, 1) != 0 };
	sql_done(st);
	if (found.account != 0 && directory_account(d, found.account) == NULL)
		return FAIL(DAMAGED);
	*out = found;
	return OK;
}

/* ---- what was found lately ---- */

struct key {
	char room[CACHE_KEY_MAX];
	str text; /* absent: too long to be remembered */
	struct directory_cached *slot;
};

static void make_key(struct directory *d, const struct mailname *name, struct key *key)
{
	struct buf b = BUF_ON(key->room);
	buf_add(&b, name->local);
	buf_byte(&b, '@');
	buf_add(&b, name->domain);
	key->text = b.lost ? NO_STR : buf_str(&b);
	key->slot = b.lost ? NULL : &d->cache[hash_of(&d->cache_key, key->text) % CACHE_SLOTS];
}

static bool recall(struct directory *d, const struct mailname *name, const struct key *key, struct directory_match *out)
{
	const struct directory_cached *c = key->slot;
	if (c == NULL || c->generation != d->generation || !str_eq(str_from(c->key, c->n), key->text))
		return false;
	*out = (struct directory_match){
		.kind = DIRECTORY_MAILBOX,
		.account = c->account,
		.is_catch_all = c->is_catch_all,
		.detail = str_after(name->local, name->local.n - c->detail_n),
	};
	return true;
}

static void remember(struct directory *d, const struct key *key, const struct directory_match *match)
{
	struct directory_cached *c = key->slot;
	if (c == NULL || match->kind != DIRECTORY_MAILBOX)
		return;
	c->generation = d->generation;
	c->account = match->account;
	c->is_catch_all = match->is_catch_all;
	c->detail_n = (uint8_t)match->detail.n;
	c->n = (uint8_t)key->text.n;
	memcpy(c->key, key->text.p, key->text.n);
}

/* ---- finding ---- */

static err look_up(struct directory *d, const struct mailname *name, struct directory_match *match)
{
	struct directory_address address;
	TRY(directory_address(d, name, &address));
	match->kind = address.account != 0 ? DIRECTORY_MAILBOX : DIRECTORY_ALIAS;
	match->account = address.account;
	match->may_send = address.may_send;
	match->found = *name;
	return OK;
}

/* The address whole, then without its subaddress, then the catch-all. */
static err find_in(struct directory *d, const struct directory_domain *domain, const struct mailname *name,
	char separator, struct directory_match *match)
{
	err e = look_up(d, name, match);
	if (e.code != ERR_ABSENT)
		return e;
	size_t at = separator != '\0' ? str_find(name->local, separator) : STR_NONE;
	if (at != STR_NONE && at > 0) {
		struct mailname user = { str_slice(name->local, 0, at), name->domain };
		match->detail = str_after(name->local, at + 1);
		e = look_up(d, &user, match);
		if (e.code != ERR_ABSENT)
			return e;
		match->detail = NO_STR;
	}
	struct directory_account *a = directory_account(d, domain->catch_all);
	match->kind = a != NULL && a->state != ACCOUNT_REMOVED ? DIRECTORY_MAILBOX : DIRECTORY_UNKNOWN;
	match->account = match->kind == DIRECTORY_MAILBOX ? domain->catch_all : 0;
	match->is_catch_all = match->kind == DIRECTORY_MAILBOX;
	return OK;
}

/* Copies to where it lives until the next call. */
static struct mailname keep(struct directory *d, const struct mailname *name)
{
	struct buf b = BUF_ON(d->found_room);
	struct mailname kept;
	buf_add(&b, name->local);
	kept.local = buf_str(&b);
	buf_add(&b, name->domain);
	kept.domain = str_after(buf_str(&b), kept.local.n);
	return kept;
}

err directory_find(struct directory *d, const struct mailname *name, char separator, struct directory_match *out)
{
	struct directory_match match = { .kind = DIRECTORY_ELSEWHERE };
	struct directory_domain domain, main = { 0 };
	struct mailname asked = *name;
	struct key key;
	make_key(d, name, &key);
	if (recall(d, name, &key, out))
		return OK;
	err e = directory_domain(d, name->domain, &domain);
	if (!failed(e) && domain.main.n > 0) {
		asked.domain = domain.main;
		e = directory_domain(d, asked.domain, &main);
		domain.catch_all = main.catch_all;
	}
	if (e.code == ERR_ABSENT) {
		*out = match;
		return OK;
	}
	TRY(e);
	if (domain.is_inner) {
		*out = (struct directory_match){ .kind = DIRECTORY_INNER };
		return OK;
	}
	TRY(find_in(d, &domain, &asked, separator, &match));
	if (match.detail.n > DIRECTORY_DETAIL_MAX)
		match.detail = NO_STR;
	remember(d, &key, &match);
	match.found = match.kind == DIRECTORY_ALIAS ? keep(d, &match.found) : (struct mailname){ NO_STR, NO_STR };
	*out = match;
	return OK;
}

/* ---- aliases ---- */

struct expansion {
	struct directory *d;
	struct directory_recipients *out;
	struct mailname aliases[DIRECTORY_ALIASES_MAX]; /* passed or still to be looked at */
	size_t alias_count;
	size_t target_count;
};

static bool is_known(const struct expansion *x, const struct mailname *alias)
{
	for (size_t i = 0; i < x->alias_count; i++)
		if (mailname_eq(&x->aliases[i], alias))
			return true;
	return false;
}

static err add_alias(struct expansion *x, const struct mailname *alias)
{
	if (is_known(x, alias))
		return OK;
	if (x->alias_count == DIRECTORY_ALIASES_MAX)
		return FAIL(LIMIT);
	x->aliases[x->alias_count++] =
		(struct mailname){ arena_copy(x->d->scratch, alias->local), arena_copy(x->d->scratch, alias->domain) };
	return arena_spent(x->d->scratch) ? FAIL(LIMIT) : OK;
}

static err add_account(struct expansion *x, uint32_t number)
{
	struct directory_account *a = directory_account(x->d, number);
	if (a->state == ACCOUNT_REMOVED || a->mark == x->d->mark)
		return OK;
	if (x->out->count == DIRECTORY_EXPANSION_MAX)
		return FAIL(LIMIT);
	a->mark = x->d->mark;
	x->out->account[x->out->count++] = number;
	return OK;
}

/* The names are copied out, since each is looked up by other statements. */
static err targets_of(struct expansion *x, const struct mailname *alias, struct mailname *targets, size_t *count)
{
	struct sql_statement *st = sql_use(x->d->sql, DIRECTORY_target_of);
	bool row;
	err e;
	sql_bind_text(st, alias->domain);
	sql_bind_text(st, alias->local);
	*count = 0;
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row)) {
		if (x->target_count++ == DIRECTORY_EXPANSION_MAX) {
			e = FAIL(LIMIT);
			break;
		}
		targets[*count].domain = arena_copy(x->d->scratch, sql_column_bytes(st, 0));
		targets[*count].local = arena_copy(x->d->scratch, sql_column_bytes(st, 1));
		++*count;
	}
	sql_done(st);
	return failed(e) || !arena_spent(x->d->scratch) ? e : FAIL(LIMIT);
}

static err add_forward(struct expansion *x, const struct mailname *alias, const struct mailname *target)
{
	struct sql_statement *st = sql_use(x->d->sql, DIRECTORY_forward_find);
	sql_bind_number(st, 0);
	sql_bind_text(st, alias->domain);
	sql_bind_text(st, alias->local);
	sql_bind_text(st, target->domain);
	sql_bind_text(st, target->local);
	err e = sql_one(st);
	if (e.code == ERR_ABSENT)
		return OK; /* its domain was ours when it was set */
	TRY(e);
	uint32_t number = (uint32_t)sql_column_count(st, 0);
	int64_t state = sql_column_number(st, 1);
	sql_done(st);
	x->out->asked_count += state == FORWARD_ASKED;
	x->out->suspended_count += state == FORWARD_SUSPENDED;
	if (state != FORWARD_ACTIVE)
		return OK;
	if (x->out->forwards_count == DIRECTORY_FORWARDS_MAX)
		return FAIL(LIMIT);
	x->out->forward[x->out->forwards_count++] = number;
	return OK;
}

/* A target is an address as it is stored, not a subaddress: an alias is refused that has another. */
static err add_target(struct expansion *x, const struct mailname *alias, const struct mailname *target)
{
	struct directory_match match;
	TRY(directory_find(x->d, target, '\0', &match));
	if (match.kind == DIRECTORY_MAILBOX)
		return add_account(x, match.account);
	if (match.kind == DIRECTORY_ELSEWHERE)
		return add_forward(x, alias, target);
	return match.kind == DIRECTORY_ALIAS ? add_alias(x, &match.found) : OK;
}

err directory_expand(struct directory *d, const struct mailname *alias, struct directory_recipients *out)
{
	struct expansion x = { .d = d, .out = out };
	size_t count;
	arena_reset(d->scratch);
	struct mailname *targets = NEW(d->scratch, struct mailname, DIRECTORY_EXPANSION_MAX);
	out->count = out->forwards_count = out->asked_count = out->suspended_count = 0;
	d->mark++;
	if (targets == NULL)
		return FAIL(MEMORY);
	TRY(add_alias(&x, alias));
	for (size_t i = 0; i < x.alias_count; i++) {
		TRY(targets_of(&x, &x.aliases[i], targets, &count));
		for (size_t k = 0; k < count; k++)
			TRY(add_target(&x, &x.aliases[i], &targets[k]));
	}
	return OK;
}

static bool has_account(const struct directory_recipients *r, uint32_t account)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->account[i] == account)
			return true;
	return false;
}

err directory_owns(struct directory *d, uint32_t account, const struct mailname *name, char separator, bool *owns)
{
	struct directory_match match;
	struct directory_recipients behind;
	TRY(directory_find(d, name, separator, &match));
	if (match.kind != DIRECTORY_ALIAS) {
		*owns = match.kind == DIRECTORY_MAILBOX && match.account == account && !match.is_catch_all;
		return OK;
	}
	TRY(directory_expand(d, &match.found, &behind));
	size_t all = behind.count + behind.forwards_count + behind.asked_count + behind.suspended_count;
	*owns = has_account(&behind, account) && (all == 1 || match.may_send);
	return OK;
}
