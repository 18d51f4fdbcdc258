/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/listing.h"

#include "store/directory/inside.h"

static str keep(struct buf *room, str s)
{
	size_t from = room->n;
	if (s.p == NULL)
		return NO_STR;
	buf_add(room, s);
	return room->lost ? NO_STR : str_from(room->p + from, s.n);
}

err directory_account_texts(struct directory *d, uint32_t number, struct buf *room, struct directory_account_texts *out)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_account_show);
	sql_bind_number(st, number);
	TRY(sql_one(st));
	struct directory_account_texts texts = { .created = sql_column_number(st, 2) };
	texts.login = keep(room, sql_column_bytes(st, 0));
	texts.name = keep(room, sql_column_bytes(st, 1));
	sql_done(st);
	if (room->lost)
		return FAIL(LIMIT);
	*out = texts;
	return OK;
}

static err each_name(struct sql_statement *st, directory_name_fn *each, void *ctx)
{
	bool row;
	err e;
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row))
		each(ctx, &(const struct mailname){
				  .domain = sql_column_bytes(st, 0), .local = sql_column_bytes(st, 1) });
	return e;
}

err directory_each_address(struct directory *d, uint32_t account, directory_name_fn *each, void *ctx)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_address_of);
	sql_bind_number(st, account);
	return each_name(st, each, ctx);
}

err directory_each_target(struct directory *d, const struct mailname *alias, directory_name_fn *each, void *ctx)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_target_of);
	sql_bind_text(st, alias->domain);
	sql_bind_text(st, alias->local);
	return each_name(st, each, ctx);
}

err directory_each_alias(struct directory *d, directory_alias_fn *each, void *ctx)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_address_aliases);
	bool row;
	err e;
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row)) {
		const struct mailname alias = { .domain = sql_column_bytes(st, 0), .local = sql_column_bytes(st, 1) };
		each(ctx, &alias, sql_column_number(st, 2) != 0);
	}
	return e;
}

err directory_each_domain(struct directory *d, directory_domain_fn *each, void *ctx)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_domain_list);
	bool row;
	err e;
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row)) {
		const struct directory_domain_row domain = {
			.name = sql_column_bytes(st, 0),
			.main = sql_column_bytes(st, 1),
			.catch_all = (uint32_t)sql_column_count(st, 2),
			.is_inner = sql_column_number(st, 3) != 0,
		};
		each(ctx, &domain);
	}
	return e;
}

err directory_count_accounts(struct directory *d, str domain, uint64_t *out)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_address_accounts);
	sql_bind_text(st, domain);
	TRY(sql_one(st));
	*out = sql_column_count(st, 0);
	sql_done(st);
	return OK;
}

static bool is_person(struct directory *d, uint32_t number)
{
	const struct directory_account *a = directory_account(d, number);
	return a != NULL && a->state == ACCOUNT_ACTIVE && a->has_login;
}

err directory_reaches_person(struct directory *d, str local, str domain, bool *out)
{
	const struct mailname name = { local, domain };
	struct directory_recipients behind = { .count = 0 };
	struct directory_match match;
	TRY(directory_find(d, &name, '\0', &match));
	if (match.kind == DIRECTORY_ALIAS)
		TRY(directory_expand(d, &match.found, &behind));
	bool reaches = match.kind == DIRECTORY_MAILBOX && is_person(d, match.account);
	for (size_t i = 0; i < behind.count; i++)
		reaches = reaches || is_person(d, behind.account[i]);
	*out = reaches;
	return OK;
}
