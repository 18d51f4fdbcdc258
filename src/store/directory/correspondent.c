/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/correspondent.h"

#include "base/hash.h"
#include "store/directory/inside.h"

enum { ADDRESS_MAX = 320 };

/* The key is no secret: two addresses with the same hash would count as one stranger, which helps nobody. */
struct directory_correspondent directory_correspondent(uint32_t account, str address)
{
	static const struct hash_key key = { { 0x5369656765, 0x6c } };
	char room[ADDRESS_MAX];
	size_t n = address.n < sizeof room ? address.n : sizeof room;
	for (size_t i = 0; i < n; i++)
		room[i] = ascii_lower(address.p[i]);
	return (struct directory_correspondent){ account, (int64_t)(hash_of(&key, str_from(room, n)) >> 1) };
}

err directory_knows(struct directory *d, const struct directory_correspondent *c, bool *knows)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_correspondent_find);
	sql_bind_number(st, c->account);
	sql_bind_number(st, c->hash);
	err e = sql_one(st);
	sql_done(st);
	if (failed(e) && e.code != ERR_ABSENT)
		return e;
	*knows = !failed(e);
	return OK;
}

err directory_meet(struct directory *d, const struct directory_correspondent *list, size_t count)
{
	err e = OK;
	TRY(sql_begin(d->sql));
	for (size_t i = 0; !failed(e) && i < count; i++) {
		struct sql_statement *st = sql_use(d->sql, DIRECTORY_correspondent_add);
		sql_bind_number(st, list[i].account);
		sql_bind_number(st, list[i].hash);
		e = sql_run(st);
	}
	return sql_end(d->sql, e);
}
