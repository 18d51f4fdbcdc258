/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/forward.h"

#include "os/random.h"
#include "store/directory/inside.h"
#include "store/directory/names.h"

enum { DAY_MS = 86400000, MOST_OF_ACCOUNT = 10 };

/* ---- reading ---- */

static str keep(struct buf *room, str s)
{
	size_t from = room->n;
	buf_add(room, s);
	return room->lost ? S("") : str_from(room->p + from, s.n);
}

static err read_row(struct sql_statement *st, struct buf *room, struct directory_forward *out)
{
	int64_t state = sql_column_number(st, 5);
	str hash = sql_column_bytes(st, 7);
	struct directory_forward f = {
		.number = (uint32_t)sql_column_count(st, 0),
		.account = (uint32_t)sql_column_count(st, 1),
		.alias = { .domain = keep(room, sql_column_bytes(st, 2)),
			.local = keep(room, sql_column_bytes(st, 3)) },
		.target = keep(room, sql_column_bytes(st, 4)),
		.keeps = sql_column_number(st, 6) != 0,
		.has_code = hash.n == FORWARD_HASH,
		.code_until = sql_column_number(st, 8),
		.tries = (unsigned)sql_column_count(st, 9),
		.failures = (unsigned)sql_column_count(st, 10),
		.reason = keep(room, sql_column_bytes(st, 11)),
		.created = sql_column_number(st, 12),
		.confirmed = sql_column_number(st, 13),
	};
	if (room->lost || state < FORWARD_ASKED || state > FORWARD_SUSPENDED)
		return FAIL(DAMAGED);
	f.state = (enum forward_state)state;
	if (f.has_code)
		memcpy(f.hash, hash.p, FORWARD_HASH);
	*out = f;
	return OK;
}

err directory_forward(struct directory *d, uint32_t number, struct buf *room, struct directory_forward *out)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_of);
	sql_bind_number(st, number);
	TRY(sql_one(st));
	err e = read_row(st, room, out);
	sql_done(st);
	return e;
}

err directory_each_forward(struct directory *d, uint32_t account, directory_forward_fn *each, void *ctx)
{
	struct sql_statement *st = sql_use(d->sql, account != 0 ? DIRECTORY_forward_of_account : DIRECTORY_forward_all);
	bool row;
	err e;
	if (account != 0)
		sql_bind_number(st, account);
	for (e = sql_step(st, &row); !failed(e) && row; e = sql_step(st, &row)) {
		char text[FORWARD_ROOM];
		struct buf room = BUF_ON(text);
		struct directory_forward f;
		e = read_row(st, &room, &f);
		if (failed(e))
			break;
		each(ctx, &f);
	}
	sql_done(st);
	return e;
}

static err find(struct directory *d, uint32_t account, const struct mailname *alias, const struct mailname *target,
	uint32_t *number)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_find);
	sql_bind_number(st, account);
	sql_bind_text(st, alias->domain);
	sql_bind_text(st, alias->local);
	sql_bind_text(st, target->domain);
	sql_bind_text(st, target->local);
	TRY(sql_one(st));
	*number = (uint32_t)sql_column_count(st, 0);
	sql_done(st);
	return OK;
}

err directory_forward_to(struct directory *d, uint32_t account, str target, uint32_t *number)
{
	char text[MAILNAME_MAX];
	struct buf room = BUF_ON(text);
	struct mailname name;
	if (failed(mailname_parse(target, NO_STR, &room, &name)))
		return FAIL(ABSENT);
	return find(d, account, &(struct mailname){ S(""), S("") }, &name, number);
}

err directory_forward_of_alias(
	struct directory *d, const struct mailname *alias, const struct mailname *target, uint32_t *number)
{
	return find(d, 0, alias, target, number);
}

/* ---- adding ---- */

static err next_number(struct directory *d, uint32_t *out)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_highest);
	err e = sql_one(st);
	if (failed(e) && e.code != ERR_ABSENT)
		return e;
	uint64_t highest = failed(e) ? 0 : sql_column_count(st, 0);
	sql_done(st);
	if (highest >= UINT32_MAX)
		return FAIL(LIMIT);
	*out = (uint32_t)highest + 1;
	st = sql_use(d->sql, DIRECTORY_forward_reserve);
	sql_bind_number(st, *out);
	return sql_run(st);
}

struct new_forward {
	uint32_t account, number;
	struct mailname alias, target;
	str written;
	bool keeps;
};

static bool is_ascii(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static err insert(struct directory *d, struct directory_change *c, struct new_forward *new)
{
	if (!is_ascii(new->written)) /* most mail could not be sent there: RFC 6531 3.2 */
		return refuse(c, FAIL(STATE), "mail is forwarded to addresses of ASCII letters only");
	TRY(next_number(d, &new->number));
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_add);
	sql_bind_number(st, new->number);
	sql_bind_number(st, new->account);
	sql_bind_text(st, new->alias.domain);
	sql_bind_text(st, new->alias.local);
	sql_bind_text(st, new->target.domain);
	sql_bind_text(st, new->target.local);
	sql_bind_text(st, new->written);
	sql_bind_number(st, new->keeps ? 1 : 0);
	sql_bind_number(st, c->at);
	err e = sql_run(st);
	return e.code == ERR_EXISTS ? refuse(c, e,
					      "there is such a forward already: siegel forward list shows whether its "
					      "target has agreed")
				    : e;
}

err forward_insert_for_alias(
	struct directory *d, struct directory_change *c, const struct directory_new_alias *new, size_t target)
{
	struct directory_match match;
	TRY(directory_find(d, &new->targets[target], '\0', &match));
	if (match.kind != DIRECTORY_ELSEWHERE)
		return OK;
	if (new->written == NULL)
		return refuse(c, FAIL(STATE), "a target is not ours");
	return insert(d, c,
		&(struct new_forward){
			.alias = new->name, .target = new->targets[target], .written = new->written[target] });
}

static err count_of(struct directory *d, uint32_t account, uint64_t *out)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_count);
	sql_bind_number(st, account);
	TRY(sql_one(st));
	*out = sql_column_count(st, 0);
	sql_done(st);
	return OK;
}

static err set_keeps(struct directory *d, uint32_t account, bool keeps)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_keeps);
	sql_bind_number(st, keeps ? 1 : 0);
	sql_bind_number(st, account);
	return sql_run(st);
}

static err add(struct directory *d, struct directory_change *c, struct new_forward *new)
{
	struct directory_match match;
	uint64_t count;
	TRY(directory_find(d, &new->target, '\0', &match));
	if (match.kind != DIRECTORY_ELSEWHERE)
		return refuse(
			c, FAIL(STATE), "the target is ours: make an alias that leads to both, or give it the address");
	TRY(count_of(d, new->account, &count));
	if (count >= MOST_OF_ACCOUNT)
		return refuse(c, FAIL(LIMIT), "the account has ten forwards already");
	TRY(insert(d, c, new));
	return set_keeps(d, new->account, new->keeps);
}

err directory_forward_add(
	struct directory *d, struct directory_change *c, uint32_t account, str target, bool keeps, uint32_t *number)
{
	char text[MAILNAME_MAX];
	struct buf room = BUF_ON(text);
	struct new_forward new = { .account = account, .alias = { S(""), S("") }, .written = target, .keeps = keeps };
	TRY(change_begin(d, c));
	err e = mailname_parse(target, NO_STR, &room, &new.target);
	e = failed(e) ? refuse(c, e, "the target is not a mail address") : add(d, c, &new);
	TRY(change_end(d, c, e));
	directory_account(d, account)->forwards++;
	*number = new.number;
	return OK;
}

err directory_forward_keep(struct directory *d, struct directory_change *c, uint32_t account, bool keeps)
{
	TRY(change_begin(d, c));
	err e = directory_account(d, account)->forwards > 0 ? set_keeps(d, account, keeps)
							    : refuse(c, FAIL(ABSENT), "the account has no forwards");
	return change_end(d, c, e);
}

/* ---- one of them ---- */

static err get(struct directory *d, struct directory_change *c, uint32_t number, struct buf *room,
	struct directory_forward *out)
{
	err e = directory_forward(d, number, room, out);
	return e.code == ERR_ABSENT ? refuse(c, e, "there is no such forward") : e;
}

static err run_on(struct directory *d, unsigned operation, uint32_t number)
{
	struct sql_statement *st = sql_use(d->sql, operation);
	sql_bind_number(st, number);
	return sql_run(st);
}

/* An alias' forward is one of its targets, and the alias goes with the last of them. */
static err remove_of_alias(struct directory *d, const struct directory_forward *f)
{
	char text[MAILNAME_MAX];
	struct buf room = BUF_ON(text);
	struct mailname target;
	size_t left;
	TRY(mailname_parse(f->target, NO_STR, &room, &target));
	TRY(target_delete(d, &f->alias, &target, &left));
	if (left > 0)
		return OK;
	TRY(address_delete(d, &f->alias));
	return address_restore(d, &f->alias);
}

err directory_forward_remove(struct directory *d, struct directory_change *c, uint32_t number)
{
	char text[FORWARD_ROOM];
	struct buf room = BUF_ON(text);
	struct directory_forward f = { .number = 0 };
	TRY(change_begin(d, c));
	err e = get(d, c, number, &room, &f);
	if (!failed(e))
		e = f.account != 0 ? run_on(d, DIRECTORY_forward_remove, number) : remove_of_alias(d, &f);
	TRY(change_end(d, c, e));
	if (f.account != 0)
		directory_account(d, f.account)->forwards--;
	return OK;
}

/* ---- consent ---- */

static err count_asked(struct directory *d, struct directory_change *c, str target)
{
	int64_t day = c->at / DAY_MS;
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_asked_forget);
	sql_bind_number(st, day);
	TRY(sql_run(st));
	st = sql_use(d->sql, DIRECTORY_asked_find);
	sql_bind_text(st, target);
	err e = sql_one(st);
	if (failed(e) && e.code != ERR_ABSENT)
		return e;
	uint64_t count = failed(e) ? 0 : sql_column_count(st, 1);
	sql_done(st);
	if (count >= FORWARD_ASKED_A_DAY)
		return refuse(c, FAIL(LIMIT), "this address was sent enough codes today; send another one tomorrow");
	st = sql_use(d->sql, DIRECTORY_asked_put);
	sql_bind_text(st, target);
	sql_bind_number(st, day);
	sql_bind_count(st, count + 1);
	return sql_run(st);
}

static err ask(
	struct directory *d, struct directory_change *c, uint32_t number, const char hash[FORWARD_HASH], int64_t until)
{
	char text[FORWARD_ROOM], lower[MAILNAME_MAX], name_room[MAILNAME_MAX];
	struct buf room = BUF_ON(text), l = BUF_ON(lower), n = BUF_ON(name_room);
	struct directory_forward f;
	struct mailname name;
	TRY(get(d, c, number, &room, &f));
	if (f.state == FORWARD_ACTIVE)
		return refuse(c, FAIL(STATE), "the target has agreed already");
	TRY(mailname_parse(f.target, NO_STR, &n, &name));
	mailname_write(&l, &name);
	TRY(count_asked(d, c, buf_str(&l)));
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_code);
	sql_bind_bytes(st, str_from(hash, FORWARD_HASH));
	sql_bind_number(st, until);
	sql_bind_number(st, number);
	return sql_run(st);
}

err directory_forward_ask(
	struct directory *d, struct directory_change *c, uint32_t number, const char hash[FORWARD_HASH], int64_t until)
{
	TRY(change_begin(d, c));
	return change_end(d, c, ask(d, c, number, hash, until));
}

err directory_forward_try(struct directory *d, uint32_t number) { return run_on(d, DIRECTORY_forward_tried, number); }

static err confirm(struct directory *d, struct directory_change *c, uint32_t number)
{
	char text[FORWARD_ROOM];
	struct buf room = BUF_ON(text);
	struct directory_forward f;
	TRY(get(d, c, number, &room, &f));
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_confirm);
	sql_bind_number(st, c->at);
	sql_bind_number(st, number);
	return sql_run(st);
}

err directory_forward_confirm(struct directory *d, struct directory_change *c, uint32_t number)
{
	TRY(change_begin(d, c));
	return change_end(d, c, confirm(d, c, number));
}

/* ---- failures ---- */

err directory_forward_failed(
	struct directory *d, uint32_t number, int64_t now, str reason, unsigned most, bool *suspended)
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_forward_failures);
	sql_bind_number(st, number);
	TRY(sql_one(st));
	uint64_t failures = sql_column_count(st, 0);
	int64_t since = sql_column_number(st, 1), state = sql_column_number(st, 2);
	sql_done(st);
	if (failures == 0 || now - since > FORWARD_FAILURES_MS || now < since) {
		failures = 0;
		since = now;
	}
	failures++;
	bool is_over = most > 0 && failures >= most && state == FORWARD_ACTIVE;
	st = sql_use(d->sql, DIRECTORY_forward_failed);
	sql_bind_count(st, failures);
	sql_bind_number(st, since);
	sql_bind_text(st, str_slice(reason, 0, FORWARD_REASON_MAX));
	sql_bind_number(st, is_over ? FORWARD_SUSPENDED : state);
	sql_bind_number(st, number);
	TRY(sql_run(st));
	directory_changed(d);
	*suspended = is_over;
	return OK;
}

/* ---- the key ---- */

err directory_key(struct directory *d, char out[DIRECTORY_KEY])
{
	struct sql_statement *st = sql_use(d->sql, DIRECTORY_secret_find);
	sql_bind_text(st, S("forward"));
	err e = sql_one(st);
	if (!failed(e)) {
		str key = sql_column_bytes(st, 0);
		if (key.n == DIRECTORY_KEY)
			memcpy(out, key.p, DIRECTORY_KEY);
		e = key.n == DIRECTORY_KEY ? OK : FAIL(DAMAGED);
		sql_done(st);
		return e;
	}
	if (e.code != ERR_ABSENT)
		return e;
	random_bytes(out, DIRECTORY_KEY);
	st = sql_use(d->sql, DIRECTORY_secret_add);
	sql_bind_text(st, S("forward"));
	sql_bind_bytes(st, str_from(out, DIRECTORY_KEY));
	return sql_run(st);
}
