/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/network.h"

#include "store/directory/inside.h"

err directory_network_find(struct directory *d, str name, struct directory_network *out)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_network_find);
	sql_bind_text(st, name);
	TRY(sql_one(st));
	*out = (struct directory_network){
		.name = name,
		.refused = sql_column_count(st, 0),
		.first_refused = sql_column_number(st, 1),
		.last_refused = sql_column_number(st, 2),
		.alarmed = sql_column_number(st, 3),
		.logged_in = sql_column_number(st, 4),
	};
	sql_done(st);
	return OK;
}

/* The row of a network; when there are too many, those not seen for the longest time go. */
static err make_row(struct directory *d, str name)
{
	struct directory_network known;
	err e = directory_network_find(d, name, &known);
	if (e.code != ERR_ABSENT)
		return e;
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_network_count);
	TRY(sql_one(st));
	uint64_t count = sql_column_count(st, 0);
	sql_done(st);
	if (count >= DIRECTORY_NETWORKS_MAX)
		TRY(sql_run(sql_use(d->sql, DIRECTORY_network_prune)));
	st = sql_use(d->sql, DIRECTORY_network_add);
	sql_bind_text(st, name);
	return sql_run(st);
}

static str present(str s) { return s.p != NULL ? s : S(""); }

static err save_refused(struct directory *d, const struct directory_network *network)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_network_refused);
	sql_bind_count(st, network->refused);
	sql_bind_number(st, network->first_refused);
	sql_bind_number(st, network->last_refused);
	sql_bind_text(st, present(network->client));
	sql_bind_text(st, present(network->sender));
	sql_bind_text(st, present(network->recipient));
	sql_bind_number(st, network->alarmed);
	sql_bind_text(st, network->name);
	return sql_run(st);
}

static err save_logged_in(struct directory *d, const struct directory_network *network)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_network_login);
	sql_bind_number(st, network->logged_in);
	sql_bind_text(st, network->name);
	return sql_run(st);
}

static err save(struct directory *d, const struct directory_network *network)
{
	TRY(make_row(d, network->name));
	if (network->refused != 0)
		TRY(save_refused(d, network));
	return network->logged_in != 0 ? save_logged_in(d, network) : OK;
}

err directory_networks_save(struct directory *d, const struct directory_network *networks, size_t count)
{
	err e = OK;
	TRY(sql_begin(d->sql));
	for (size_t i = 0; !failed(e) && i < count; i++)
		e = save(d, &networks[i]);
	return sql_end(d->sql, e);
}

err directory_each_network(struct directory *d, directory_network_fn *each, void *ctx)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_network_list);
	bool row;
	err e;
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row)) {
		const struct directory_network network = {
			.name = sql_column_bytes(st, 0),
			.refused = sql_column_count(st, 1),
			.first_refused = sql_column_number(st, 2),
			.last_refused = sql_column_number(st, 3),
			.client = sql_column_bytes(st, 4),
			.sender = sql_column_bytes(st, 5),
			.recipient = sql_column_bytes(st, 6),
			.logged_in = sql_column_number(st, 7),
		};
		each(ctx, &network);
	}
	return e;
}
