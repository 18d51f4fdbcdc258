/* SPDX-License-Identifier: Apache-2.0 */
/* domain add, remove, list, catch-all; what `siegel check` asks about them. */
#include "role/directory/verbs.h"
#include "role/directory/words.h"
#include "store/directory/listing.h"

enum { WORDS_ROOM = 2048, LINE_ROOM = 1024 };

void verb_domain_add(struct admin *a)
{
	static const char *const known[] = { "domain", "alias-of", NULL };
	char words[WORDS_ROOM], room[2 * MAILNAME_DOMAIN_MAX];
	struct buf w = BUF_ON(words), b = BUF_ON(room);
	str name, main = admin_word(a, S("alias-of"));
	if (admin_refused_words(a, known) || !take_domain(a, admin_word(a, S("domain")), &b, &name) ||
		(main.p != NULL && !take_domain(a, main, &b, &main)))
		return;
	struct directory_change c = command_change(a, &w);
	err e = directory_domain_add(role_of(a)->store, &c, name, main);
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

static err check_name(struct listing *l, str local, str domain)
{
	char line[LINE_ROOM], room[MAILNAME_MAX], words[MAILNAME_MAX + 100];
	struct buf b = BUF_ON(line), subject = BUF_ON(room), finding = BUF_ON(words);
	bool reaches;
	TRY(directory_reaches_person(role_of(l->admin)->store, local, domain, &reaches));
	if (reaches)
		return OK;
	mailname_write(&subject, &(const struct mailname){ local, domain });
	buf_addf(&finding, "its mail reaches no person: siegel alias add %.*s ADDRESS", ARG(buf_str(&subject)));
	struct json j = json_begin(&b);
	json_text(&j, "level", S("warning"));
	json_text(&j, "subject", buf_str(&subject));
	json_text(&j, "finding", buf_str(&finding));
	json_end(&j);
	return b.lost ? FAIL(LIMIT) : admin_line(l->admin, buf_str(&b));
}

static void check_domain(void *to, const struct directory_domain_row *row)
{
	struct listing *l = to;
	if (!failed(l->e) && row->main.n == 0)
		l->e = check_name(l, S("postmaster"), row->name);
	if (!failed(l->e) && row->main.n == 0)
		l->e = check_name(l, S("abuse"), row->name);
}

void verb_check(struct admin *a)
{
	static const char *const known[] = { NULL };
	struct listing l = { .admin = a, .e = OK };
	if (admin_refused_words(a, known))
		return;
	err e = directory_each_domain(role_of(a)->store, check_domain, &l);
	command_end_list(a, failed(e) ? e : l.e);
}
