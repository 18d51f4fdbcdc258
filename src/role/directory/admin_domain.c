/* SPDX-License-Identifier: Apache-2.0 */
/* domain add, remove, list, catch-all; what `siegel check` asks about them. */
#include "os/clock.h"
#include "role/directory/domains.h"
#include "role/directory/verbs.h"
#include "role/directory/words.h"
#include "store/directory/listing.h"

enum { WORDS_ROOM = 2048, LINE_ROOM = 1024 };

void verb_domain_add(struct admin *a)
{
	static const char *const known[] = { "domain", "alias-of", "inner", NULL };
	char words[WORDS_ROOM], room[2 * MAILNAME_DOMAIN_MAX];
	struct buf w = BUF_ON(words), b = BUF_ON(room);
	struct address address;
	str name, main = admin_word(a, S("alias-of"));
	if (admin_refused_words(a, known) || !take_domain(a, admin_word(a, S("domain")), &b, &name) ||
		(main.p != NULL && !take_domain(a, main, &b, &main)))
		return;
	if (!failed(address_parse(name, &address))) {
		admin_refuse(a, "\"%.*s\" is the address of a machine, not a domain", ARG(name));
		return;
	}
	const struct directory_new_domain new = {
		.name = name, .main = main, .is_inner = admin_word(a, S("inner")).p != NULL
	};
	if (new.is_inner && main.p != NULL) {
		admin_refuse(a, "a domain is either another name of one, or has its mailboxes on an inner server");
		return;
	}
	struct directory_change c = command_change(a, &w);
	err e = directory_domain_add(role_of(a)->store, &c, &new);
	domains_tell(role_of(a));
	command_end(a, &c, e);
}

void verb_domain_remove(struct admin *a)
{
	static const char *const known[] = { "domain", NULL };
	char words[WORDS_ROOM], room[MAILNAME_DOMAIN_MAX];
	struct buf w = BUF_ON(words), b = BUF_ON(room);
	str name;
	if (admin_refused_words(a, known) || !take_domain(a, admin_word(a, S("domain")), &b, &name))
		return;
	struct directory_change c = command_change(a, &w);
	err e = directory_domain_remove(role_of(a)->store, &c, name);
	domains_tell(role_of(a));
	command_end(a, &c, e);
}

void verb_domain_catch_all(struct admin *a)
{
	static const char *const known[] = { "domain", "login", NULL };
	char words[WORDS_ROOM], room[MAILNAME_DOMAIN_MAX];
	struct buf w = BUF_ON(words), b = BUF_ON(room);
	uint32_t account = 0;
	str name;
	if (admin_refused_words(a, known) || !take_domain(a, admin_word(a, S("domain")), &b, &name))
		return;
	if (admin_word(a, S("login")).p != NULL && !take_account(a, &account))
		return;
	struct directory_change c = command_change(a, &w);
	err e = directory_domain_catch_all(role_of(a)->store, &c, name, account);
	command_end(a, &c, e);
}

/* What inner servers said is asked for anew. */
void verb_domain_forget(struct admin *a)
{
	static const char *const known[] = { "domain", NULL };
	char room[MAILNAME_DOMAIN_MAX], line[LINE_ROOM];
	struct buf b = BUF_ON(room), text = BUF_ON(line);
	str name = admin_word(a, S("domain"));
	if (admin_refused_words(a, known) || (name.p != NULL && !take_domain(a, name, &b, &name)))
		return;
	struct json j = json_begin(&text);
	json_number(&j, "forgotten", inner_forget(role_of(a)->inner, name, clock_ms()));
	json_end(&j);
	command_end_list(a, admin_line(a, buf_str(&text)));
}

/* ---- lists ---- */

struct listing {
	struct admin *admin;
	err e;
};

static err send_domain(struct listing *l, const struct directory_domain_row *row)
{
	char line[LINE_ROOM];
	struct buf b = BUF_ON(line);
	uint64_t accounts = 0;
	TRY(directory_count_accounts(role_of(l->admin)->store, row->name, &accounts));
	struct json j = json_begin(&b);
	json_text(&j, "domain", row->name);
	json_text(&j, "alias_of", row->main.n > 0 ? row->main : NO_STR);
	json_number(&j, "accounts", accounts);
	json_flag(&j, "catch_all", row->catch_all != 0);
	json_flag(&j, "inner", row->is_inner);
	json_end(&j);
	return b.lost ? FAIL(LIMIT) : admin_line(l->admin, buf_str(&b));
}

static void list_domain(void *to, const struct directory_domain_row *row)
{
	struct listing *l = to;
	if (!failed(l->e))
		l->e = send_domain(l, row);
}

void verb_domain_list(struct admin *a)
{
	static const char *const known[] = { NULL };
	struct listing l = { .admin = a, .e = OK };
	if (admin_refused_words(a, known))
		return;
	err e = directory_each_domain(role_of(a)->store, list_domain, &l);
	command_end_list(a, failed(e) ? e : l.e);
}

/* ---- check ---- */

static err say_finding(struct listing *l, str level, str subject, str finding)
{
	char line[LINE_ROOM];
	struct buf b = BUF_ON(line);
	struct json j = json_begin(&b);
	json_text(&j, "level", level);
	json_text(&j, "subject", subject);
	json_text(&j, "finding", finding);
	json_end(&j);
	return b.lost ? FAIL(LIMIT) : admin_line(l->admin, buf_str(&b));
}

static err check_name(struct listing *l, str local, str domain)
{
	char room[MAILNAME_MAX], words[MAILNAME_MAX + 100];
	struct buf subject = BUF_ON(room), finding = BUF_ON(words);
	bool reaches;
	TRY(directory_reaches_person(role_of(l->admin)->store, local, domain, &reaches));
	if (reaches)
		return OK;
	mailname_write(&subject, &(const struct mailname){ local, domain });
	buf_addf(&finding, "its mail reaches no person: siegel alias add %.*s ADDRESS", ARG(buf_str(&subject)));
	return say_finding(l, S("warning"), buf_str(&subject), buf_str(&finding));
}

/* What the configuration says of the way to a domain. */
static void find_route(const struct listing *l, str domain, bool *is_there, bool *has_host)
{
	const struct conf_map *table = &role_of(l->admin)->service->conf->routes.table;
	*is_there = *has_host = false;
	for (size_t i = 0; i < table->count; i++)
		if (str_eq_nocase(table->items[i].name, domain)) {
			*is_there = true;
			*has_host = *has_host || str_eq(table->items[i].key, S("host"));
		}
}

/* Where the mailboxes of a domain are stands in the store, the way to them in the configuration. */
static err check_route(struct listing *l, const struct directory_domain_row *row)
{
	bool is_there, has_host;
	find_route(l, row->name, &is_there, &has_host);
	if (row->is_inner && !has_host)
		return say_finding(l, S("error"), row->name,
			S("its mailboxes are on an inner server, and routes names no host for it: its mail is answered "
			  "with 451"));
	if (!row->is_inner && is_there)
		return say_finding(l, S("error"), row->name,
			S("its mailboxes are here, and there is a route for it, which no mail takes: remove the route, "
			  "or make it a domain with --inner"));
	return OK;
}

static void check_domain(void *to, const struct directory_domain_row *row)
{
	struct listing *l = to;
	const bool has_mailboxes = row->main.n == 0 && !row->is_inner;
	if (!failed(l->e) && has_mailboxes)
		l->e = check_name(l, S("postmaster"), row->name);
	if (!failed(l->e) && has_mailboxes)
		l->e = check_name(l, S("abuse"), row->name);
	if (!failed(l->e))
		l->e = check_route(l, row);
}

/* Cron and its like write to root, and nobody is told when that is refused. */
static err check_root(struct listing *l)
{
	char words[2 * MAILNAME_MAX + 160];
	struct buf b = BUF_ON(words);
	struct directory_role *r = role_of(l->admin);
	str domain = directory_first_domain(r->store);
	bool reaches = true;
	if (domain.n > 0 && !str_eq(r->service->conf->local.submit, S("none")))
		TRY(directory_reaches_person(r->store, S("root"), domain, &reaches));
	if (reaches)
		return OK;
	buf_addf(&b, "root@%.*s", ARG(domain));
	size_t at = b.n;
	buf_addf(&b,
		"what cron and other programs of this machine send to root reaches no person: siegel alias add "
		"root@%.*s ADDRESS",
		ARG(domain));
	return say_finding(l, S("warning"), str_slice(buf_str(&b), 0, at), str_after(buf_str(&b), at));
}

void verb_check(struct admin *a)
{
	static const char *const known[] = { NULL };
	struct listing l = { .admin = a, .e = OK };
	if (admin_refused_words(a, known))
		return;
	err e = directory_each_domain(role_of(a)->store, check_domain, &l);
	if (!failed(e) && !failed(l.e))
		l.e = check_root(&l);
	command_end_list(a, failed(e) ? e : l.e);
}
