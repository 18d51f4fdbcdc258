/* SPDX-License-Identifier: Apache-2.0 */
/* What the administrator asks for. Texts are views that live until the function given returns, or the next call. */
#pragma once
#include "store/directory/directory.h"

struct directory_account_texts {
	str login; /* absent: none */
	str name;
	int64_t created; /* UTC ms */
};
/* The texts live in the room. ERR_ABSENT, ERR_LIMIT. */
err directory_account_texts(
	struct directory *d, uint32_t number, struct buf *room, struct directory_account_texts *out);

typedef void directory_name_fn(void *ctx, const struct mailname *name);
err directory_each_address(struct directory *d, uint32_t account, directory_name_fn *each, void *ctx);
err directory_each_target(struct directory *d, const struct mailname *alias, directory_name_fn *each, void *ctx);

typedef void directory_alias_fn(void *ctx, const struct mailname *alias, bool may_send);
err directory_each_alias(struct directory *d, directory_alias_fn *each, void *ctx);

struct directory_domain_row {
	str name;
	str main; /* of an alias domain; otherwise empty */
	uint32_t catch_all;
	bool is_inner;
};
typedef void directory_domain_fn(void *ctx, const struct directory_domain_row *row);
err directory_each_domain(struct directory *d, directory_domain_fn *each, void *ctx);

/* How many accounts that somebody can log in to have an address in the domain. */
err directory_count_accounts(struct directory *d, str domain, uint64_t *out);

/* Does mail for that local part of the domain reach an active account that somebody can log in to? */
err directory_reaches_person(struct directory *d, str local, str domain, bool *out);
