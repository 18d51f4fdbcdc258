/* SPDX-License-Identifier: Apache-2.0 */
/* account forward; forward list, confirm, ask, resume, remove. */
#include "role/directory/forward.h"
#include "role/directory/verbs.h"
#include "role/directory/words.h"
#include "store/directory/listing.h"

enum { WORDS_ROOM = 2048, LINE_ROOM = 8192 };

/* ---- lists ---- */

struct listing {
	struct admin *admin;
	err e;
};

static str state_of(const struct directory_forward *f)
{
	return f->state == FORWARD_ACTIVE ? S("active") : f->state == FORWARD_ASKED ? S("asked") : S("suspended");
}

static void add_address(void *to, const struct mailname *name)
{
	struct buf *b = to;
	if (b->n > 0)
		buf_byte(b, ' ');
	mailname_write(b, name);
}

static err send_forward(struct admin *a, const struct directory_forward *f)
{
	char room[LINE_ROOM], names[LINE_ROOM / 4], texts_room[DIRECTORY_LOGIN_MAX + MAILNAME_MAX];
	struct buf line = BUF_ON(room), name = BUF_ON(names), t = BUF_ON(texts_room);
	struct directory_account_texts texts = { .login = NO_STR };
	struct directory *store = role_of(a)->store;
	if (f->account != 0)
		TRY(directory_account_texts(store, f->account, &t, &texts));
	if (f->account != 0)
		TRY(directory_each_address(store, f->account, add_address, &name));
	else
		mailname_write(&name, &f->alias);
	struct json j = json_begin(&line);
	json_number(&j, "number", f->number);
	json_text(&j, "address", buf_str(&name));
	json_text(&j, "login", texts.login);
	json_text(&j, "target", f->target);
	json_text(&j, "state", state_of(f));
	json_flag(&j, "keep", f->account == 0 || f->keeps);
	json_number(&j, "failures", f->failures);
	json_text(&j, "reason", f->reason);
	json_moment(&j, "created", f->created);
	json_moment(&j, "confirmed", f->confirmed);
	json_moment(&j, "code_until", f->has_code ? f->code_until : 0);
	json_end(&j);
	return line.lost ? FAIL(LIMIT) : admin_line(a, buf_str(&line));
}

/* Names are copied out first: the statement that lists forwards is not the one that lists addresses. */
static void list_one(void *to, const struct directory_forward *f)
{
	struct listing *l = to;
	if (!failed(l->e))
		l->e = send_forward(l->admin, f);
}

static void list(struct admin *a, uint32_t account)
{
	struct listing l = { .admin = a, .e = OK };
	err e = directory_each_forward(role_of(a)->store, account, list_one, &l);
	command_end_list(a, failed(e) ? e : l.e);
}

void verb_forward_list(struct admin *a)
{
	static const char *const known[] = { "login", NULL };
	uint32_t account = 0;
	if (admin_refused_words(a, known) || (admin_word(a, S("login")).p != NULL && !take_account(a, &account)))
		return;
	list(a, account);
}

/* ---- changes ---- */

/* The forward is set; its target is asked. That it could not be asked now is said, and does not undo the rest. */
void forward_set(struct admin *a, struct directory_change *c, uint32_t number, err e)
{
	if (!failed(e))
		e = forward_ask(role_of(a), c, number);
	if (e.code == ERR_CLOSED) {
		admin_refuse(a,
			"it is set, but its target was not asked, since the queue does not run; when the server "
			"runs: siegel forward ask %u",
			number);
		return;
	}
	if (failed(e) && number != 0 && c->reason != NULL) {
		admin_refuse(a, "it is set, but its target was not asked: %s", c->reason);
		return;
	}
	command_end(a, c, e);
}

static bool take_keep(struct admin *a, bool *out)
{
	bool keep = admin_word(a, S("keep")).p != NULL, not = admin_word(a, S("no-keep")).p != NULL;
	*out = !not ;
	if (!keep || !not )
		return true;
	admin_refuse(a, "--keep and --no-keep contradict each other");
	return false;
}

static void remove_target(struct admin *a, uint32_t account, str target)
{
	char words[WORDS_ROOM];
	struct buf w = BUF_ON(words);
	struct directory_change c = command_change(a, &w);
	uint32_t number = 0;
	err e = directory_forward_to(role_of(a)->store, account, target, &number);
	if (e.code == ERR_ABSENT)
		c.reason = "the account has no forward to this address";
	if (!failed(e))
		e = directory_forward_remove(role_of(a)->store, &c, number);
	command_end(a, &c, e);
}

static void add_target(struct admin *a, uint32_t account, str target, bool keeps)
{
	char words[WORDS_ROOM];
	struct buf w = BUF_ON(words);
	struct directory_change c = command_change(a, &w);
	uint32_t number = 0;
	err e = directory_forward_add(role_of(a)->store, &c, account, target, keeps, &number);
	forward_set(a, &c, number, e);
}

static void change_keep(struct admin *a, uint32_t account, bool keeps)
{
	char words[WORDS_ROOM];
	struct buf w = BUF_ON(words);
	struct directory_change c = command_change(a, &w);
	command_end(a, &c, directory_forward_keep(role_of(a)->store, &c, account, keeps));
}

void verb_account_forward(struct admin *a)
{
	static const char *const known[] = { "login", "to", "remove", "keep", "no-keep", NULL };
	str to = admin_word(a, S("to")), removed = admin_word(a, S("remove"));
	uint32_t account;
	bool keeps;
	if (admin_refused_words(a, known) || !take_account(a, &account) || !take_keep(a, &keeps))
		return;
	bool says_keep = admin_word(a, S("keep")).p != NULL || !keeps;
	if (removed.p != NULL && (to.p != NULL || says_keep))
		admin_refuse(a, "a forward is set or removed, one at a time");
	else if (removed.p != NULL)
		remove_target(a, account, removed);
	else if (to.p != NULL)
		add_target(a, account, to, keeps);
	else if (says_keep)
		change_keep(a, account, keeps);
	else
		list(a, account);
}

static bool take_number(struct admin *a, uint32_t *out)
{
	uint64_t number;
	str word = admin_word(a, S("number"));
	if (failed(str_number(word, UINT32_MAX, &number)) || number == 0) {
		admin_refuse(a, "\"%.*s\" is not the number of a forward", ARG(word));
		return false;
	}
	*out = (uint32_t)number;
	return true;
}

void verb_forward_confirm(struct admin *a)
{
	static const char *const known[] = { "code", NULL };
	char words[WORDS_ROOM];
	struct buf w = BUF_ON(words);
	uint32_t number = 0;
	if (admin_refused_words(a, known))
		return;
	struct directory_change c = command_change(a, &w);
	c.words = S(""); /* what was tried may be the code of another */
	err e = forward_try(role_of(a), admin_word(a, S("code")), &number);
	if (e.code == ERR_ABSENT)
		c.reason = "the code is wrong or no longer good; siegel forward ask NUMBER sends another one";
	if (!failed(e))
		e = directory_forward_confirm(role_of(a)->store, &c, number);
	command_end(a, &c, e);
}

/* What an administrator does with one forward. */
typedef err deed_fn(struct directory_role *r, struct directory_change *c, uint32_t number);

static void run(struct admin *a, deed_fn *deed)
{
	static const char *const known[] = { "number", NULL };
	char words[WORDS_ROOM];
	struct buf w = BUF_ON(words);
	uint32_t number;
	if (admin_refused_words(a, known) || !take_number(a, &number))
		return;
	struct directory_change c = command_change(a, &w);
	err e = deed(role_of(a), &c, number);
	if (e.code == ERR_CLOSED)
		c.reason = "the queue, which would send the code, does not run: is the server running?";
	command_end(a, &c, e);
}

static err ask(struct directory_role *r, struct directory_change *c, uint32_t number)
{
	return forward_ask(r, c, number);
}

static err take_away(struct directory_role *r, struct directory_change *c, uint32_t number)
{
	return directory_forward_remove(r->store, c, number);
}

/* Only what the target has agreed to. */
static err resume(struct directory_role *r, struct directory_change *c, uint32_t number)
{
	char room[FORWARD_ROOM];
	struct buf b = BUF_ON(room);
	struct directory_forward f;
	err e = directory_forward(r->store, number, &b, &f);
	if (e.code == ERR_ABSENT)
		c->reason = "there is no such forward";
	TRY(e);
	if (f.state != FORWARD_SUSPENDED) {
		c->reason = "it is not suspended";
		return FAIL(STATE);
	}
	return directory_forward_confirm(r->store, c, number);
}

void verb_forward_ask(struct admin *a) { run(a, ask); }
void verb_forward_remove(struct admin *a) { run(a, take_away); }
void verb_forward_resume(struct admin *a) { run(a, resume); }
