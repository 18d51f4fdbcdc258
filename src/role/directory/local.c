/* SPDX-License-Identifier: Apache-2.0 */
#include "role/directory/local.h"

#include "os/clock.h"
#include "os/fd.h"
#include "role/directory/forward.h"

#include <stdlib.h>
#include <unistd.h>

enum {
	PASSWD_MAX = 8 << 20,
	USERS_MAX = 100000,
	USER_NAME_MAX = 64,
	USERS_BUDGET = 16 << 20,
	ROOT = 0,
	HOUR_MS = 3600000,
	COUNTED = 1024,
	WAYS = 4,
};

struct local_user {
	uint32_t number, position; /* in the file: with one number the first name goes before others */
	str name;
};

struct local_users {
	struct arena *arena; /* which holds this too */
	struct local_user *all;
	size_t count;
};

/* Recipients elsewhere, in the hour that began then. */
struct local_count {
	uint32_t user;
	unsigned count;
	int64_t since;
};

struct local_counts {
	struct local_count all[COUNTED];
};

/* ---- who there is ---- */

static str read_file(struct arena *a, int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	if (size <= 0 || size > PASSWD_MAX)
		return NO_STR;
	char *text = NEW(a, char, (size_t)size);
	size_t n = 0;
	ssize_t got = 1;
	while (text != NULL && got > 0 && n < (size_t)size) {
		got = pread(fd, text + n, (size_t)size - n, (off_t)n);
		n += got > 0 ? (size_t)got : 0;
	}
	return text != NULL && got >= 0 ? str_from(text, n) : NO_STR;
}

/* name:password:number:... as passwd(5) has it; other lines are no users. */
static bool read_line(str line, struct local_user *out)
{
	str name, password, text;
	uint64_t number;
	if (!str_cut(&line, ':', &name) || !str_cut(&line, ':', &password) || !str_cut(&line, ':', &text) ||
		name.n == 0 || name.n > USER_NAME_MAX || name.p[0] == '+' || name.p[0] == '-' ||
		failed(str_number(text, UINT32_MAX - 1, &number)))
		return false;
	*out = (struct local_user){ .number = (uint32_t)number, .name = name };
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct local_user *one = a, *other = b;
	if (one->number != other->number)
		return one->number < other->number ? -1 : 1;
	return one->position < other->position ? -1 : 1;
}

void local_users_read(struct service *s, int fd)
{
	struct directory_role *r = s->state;
	struct arena *a = arena_new("local users", USERS_BUDGET);
	struct local_users *u = NEW(a, struct local_users, 1);
	str text = read_file(a, fd), line;
	size_t lines = 1;
	fd_close(&fd);
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	lines = lines < USERS_MAX ? lines : USERS_MAX;
	u->arena = a;
	u->all = NEW(a, struct local_user, lines);
	while (u->all != NULL && u->count < lines && str_word(&text, '\n', &line))
		if (read_line(line, &u->all[u->count])) {
			u->all[u->count].position = (uint32_t)u->count;
			u->count++;
		}
	if (u->count > 0)
		qsort(u->all, u->count, sizeof *u->all, by_number);
	local_users_free(&r->local_users);
	r->local_users = u;
}

void directory_role_file(struct service *s, str name, int fd)
{
	if (str_eq(name, S("passwd")))
		local_users_read(s, fd);
	else
		fd_close(&fd);
}

void local_users_free(struct local_users **u)
{
	struct arena *a = *u != NULL ? (*u)->arena : NULL;
	*u = NULL;
	arena_free(&a);
}

/* The place of the first one with that number, or where it would be. */
static size_t first_of(const struct local_users *u, uint32_t number)
{
	size_t low = 0, high = u != NULL ? u->count : 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (u->all[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has(const struct local_users *u, size_t at, uint32_t number)
{
	return u != NULL && at < u->count && u->all[at].number == number;
}

/* Whether the user is called so: by a name, or by the number. */
static bool is_called(const struct local_users *u, uint32_t user, str name)
{
	char room[16];
	struct buf number = BUF_ON(room);
	for (size_t at = first_of(u, user); has(u, at, user); at++)
		if (str_eq_nocase(name, u->all[at].name))
			return true;
	buf_number(&number, user);
	return str_eq(name, buf_str(&number));
}

/* ---- as whom they may send ---- */

str local_domain(const struct directory_role *r)
{
	const struct conf *conf = r->service->conf;
	return conf->local.domain.n > 0 ? conf->local.domain : conf->server.hostname;
}

static void write_name(const struct directory_role *r, uint32_t user, struct buf *b)
{
	size_t at = first_of(r->local_users, user);
	if (has(r->local_users, at, user))
		buf_add(b, r->local_users->all[at].name);
	else
		buf_addf(b, "uid-%u", user);
}

str local_address(const struct directory_role *r, uint32_t user, struct buf *room)
{
	size_t before = room->n;
	write_name(r, user, room);
	buf_addf(room, "@%.*s", ARG(local_domain(r)));
	return str_from(room->p + before, room->n - before);
}

static char separator_of(const struct directory_role *r)
{
	str separator = r->service->conf->accounts.subaddress_separator;
	return separator.n > 0 ? separator.p[0] : '\0';
}

static bool is_own_name(const struct directory_role *r, uint32_t user, str local)
{
	char room[USER_NAME_MAX], separator = separator_of(r);
	struct buf own = BUF_ON(room);
	str base = local, head;
	if (separator != '\0' && str_cut(&base, separator, &head))
		base = head;
	for (size_t at = first_of(r->local_users, user); has(r->local_users, at, user); at++)
		if (str_eq_nocase(base, r->local_users->all[at].name) ||
			str_eq_nocase(local, r->local_users->all[at].name))
			return true;
	write_name(r, user, &own);
	return str_eq_nocase(base, buf_str(&own));
}

/* Where nobody said that the users of the machine and those of the mail are the same people, an address that an account
 * sends with is the account's alone. */
static err is_an_accounts(struct directory_role *r, const struct mailname *name, bool *is)
{
	struct directory_match match;
	*is = false;
	if (r->service->conf->local.domain.n > 0)
		return OK;
	TRY(directory_find(r->store, name, separator_of(r), &match));
	*is = (match.kind == DIRECTORY_MAILBOX && !match.is_catch_all) ||
	      (match.kind == DIRECTORY_ALIAS && match.may_send);
	return OK;
}

static bool is_listed(const struct mailname *name, str addresses)
{
	str address;
	while (str_word(&addresses, ',', &address)) {
		char room[MAILNAME_MAX];
		struct buf b = BUF_ON(room);
		struct mailname listed;
		if (str_starts(address, S("@"))) {
			if (str_eq_nocase(str_after(address, 1), name->domain))
				return true;
		} else if (!failed(mailname_parse(address, NO_STR, &b, &listed)) && mailname_eq(&listed, name)) {
			return true;
		}
	}
	return false;
}

err local_owns(struct directory_role *r, uint32_t user, const struct mailname *name, bool *owns)
{
	const struct conf_map *senders = &r->service->conf->local.senders;
	bool taken = false;
	*owns = user == ROOT;
	for (size_t i = 0; i < senders->count && !*owns; i++)
		*owns = is_called(r->local_users, user, senders->items[i].name) &&
			is_listed(name, senders->items[i].value);
	if (*owns || !str_eq_nocase(name->domain, local_domain(r)) || !is_own_name(r, user, name->local))
		return OK;
	TRY(is_an_accounts(r, name, &taken));
	*owns = !taken;
	return OK;
}

/* ---- who is told ---- */

/* 0: it is nobody's. */
static err account_of(struct directory_role *r, const struct mailname *name, uint32_t *account)
{
	struct directory_match match;
	struct directory_recipients behind = { .count = 0 };
	TRY(directory_find(r->store, name, separator_of(r), &match));
	if (match.kind == DIRECTORY_ALIAS) {
		err e = directory_expand(r->store, &match.found, &behind);
		if (failed(e) && e.code != ERR_LIMIT)
			return e;
	}
	*account = match.kind == DIRECTORY_MAILBOX && !match.is_catch_all ? match.account
		   : behind.count > 0                                     ? behind.account[0]
									  : 0;
	return OK;
}

err local_keeper(struct directory_role *r, str sender, uint32_t *account)
{
	char room[MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	struct mailname name;
	str domain = directory_first_domain(r->store);
	*account = 0;
	if (sender.n == 0 || domain.n == 0)
		return OK;
	if (!failed(mailname_parse(sender, NO_STR, &b, &name))) {
		TRY(account_of(r, &name, account));
		name.domain = str_eq_nocase(name.domain, local_domain(r)) ? domain : name.domain;
		if (*account == 0)
			TRY(account_of(r, &name, account));
	}
	if (*account == 0)
		TRY(account_of(r, &(struct mailname){ S("root"), domain }, account));
	return *account != 0 ? OK : postmaster_of(r, domain, account);
}

/* ---- how much ---- */

/* The entry of the user, or one that is over, or that of whoever sent least. */
static struct local_count *count_of(struct local_counts *c, uint32_t user, int64_t now)
{
	struct local_count *best = NULL;
	for (uint32_t i = 0; i < WAYS; i++) {
		struct local_count *one = &c->all[(user + i) % COUNTED];
		bool over = now - one->since >= HOUR_MS || one->count == 0;
		if (one->user == user && !over)
			return one;
		if (over)
			one->count = 0;
		if (best == NULL || one->count < best->count)
			best = one;
	}
	*best = (struct local_count){ .user = user, .since = now };
	return best;
}

bool local_may_send_outside(struct directory_role *r, uint32_t user)
{
	uint64_t most = r->service->conf->local.outside_per_hour;
	if (user == ROOT || most == 0)
		return true;
	if (r->local_counts == NULL)
		r->local_counts = NEW(r->service->arena, struct local_counts, 1);
	if (r->local_counts == NULL)
		return false;
	struct local_count *c = count_of(r->local_counts, user, clock_ms());
	if (c->count >= most)
		return false;
	c->count++;
	return true;
}
