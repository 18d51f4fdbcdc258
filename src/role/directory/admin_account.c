/* SPDX-License-Identifier: Apache-2.0 */
/* account add, password, show, list, suspend, resume, remove, change. */
#include "base/utf8.h"
#include "role/directory/phrase.h"
#include "role/directory/sasl.h"
#include "role/directory/verbs.h"
#include "role/directory/words.h"
#include "store/directory/listing.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"

enum { WORDS_ROOM = 4096, LINE_ROOM = 32000, PERSON_MAX = 200, NEW_LOGIN_MAX = 64, ACCOUNTS_AT_ONCE = 100 };

/* ---- passwords ---- */

/* A command that waits for `hasher`. It lives in an arena of its own, since the one of the command is not ours. */
struct waiting {
	struct admin *admin;
	struct arena *arena;
	str phrase; /* generated: to be shown; otherwise absent */
	str login, name;
	int64_t quota;
	struct mailname address;
	uint32_t account; /* of a new password; 0: a new account */
};

static size_t count_characters(str text)
{
	uint32_t c;
	size_t count = 0;
	while (text.n > 0 && utf8_take(&text, &c))
		count++;
	return count;
}

static bool refused_password(struct admin *a, str login)
{
	uint64_t fewest = role_of(a)->service->conf->login.password_length;
	if (failed(sasl_password_check(a->secret)))
		admin_refuse(a, "a password is UTF-8 without control characters, at most %d bytes", SASL_PASSWORD_MAX);
	else if (count_characters(a->secret) < fewest)
		admin_refuse(a, "a password has at least %u characters", (unsigned)fewest);
	else if (str_eq_nocase(a->secret, login))
		admin_refuse(a, "the password is the login");
	else
		return false;
	return true;
}

static void end_waiting(struct waiting *w)
{
	struct arena *a = w->arena;
	arena_free(&a);
}

/* A generated password is shown once, alone in its line. */
static void show_phrase(const struct waiting *w)
{
	char room[100];
	struct buf b = BUF_ON(room);
	if (w->phrase.p == NULL)
		return;
	struct json j = json_begin(&b);
	json_text(&j, "password", w->phrase);
	json_end(&j);
	IGNORE(admin_line(w->admin, buf_str(&b))); /* whoever does not read it sets another */
	wipe(room, sizeof room);
}

static void on_hash(void *to, const struct job_result *result)
{
	struct waiting *w = to;
	struct admin *a = w->admin;
	struct directory_role *r = role_of(a);
	char words[WORDS_ROOM];
	struct buf b = BUF_ON(words);
	uint32_t number = w->account;
	if (result->failed) {
		end_waiting(w);
		admin_refuse(a, "the password could not be hashed: try again");
		return;
	}
	struct directory_change c = command_change(a, &b);
	const struct directory_new_account new = {
		.login = w->login, .hash = result->hash, .name = w->name, .quota = w->quota, .address = &w->address
	};
	err e = number != 0 ? directory_account_password(r->store, &c, number, result->hash)
			    : directory_account_add(r->store, &c, &new, &number);
	if (!failed(e)) {
		account_evict(r, number);
		show_phrase(w);
	}
	end_waiting(w);
	command_end(a, &c, e);
}

/* Hashes the secret, or a phrase made here if there is none; then on_hash() goes on. */
static void set_password(struct waiting *w)
{
	struct admin *a = w->admin;
	char room[PHRASE_LENGTH];
	struct buf b = BUF_ON(room);
	uint32_t job;
	if (a->secret.n > 0 && refused_password(a, w->login)) {
		end_waiting(w);
		return;
	}
	if (a->secret.n == 0) {
		phrase_write(&b);
		w->phrase = arena_copy(w->arena, buf_str(&b));
		wipe(room, sizeof room);
	}
	err e = job_make(&role_of(a)->jobs, a->secret.n > 0 ? a->secret : w->phrase, on_hash, w, &job);
	if (!failed(e))
		return;
	end_waiting(w);
	admin_refuse(a, "the password cannot be hashed at the moment: try again");
}

static struct waiting *new_waiting(struct admin *a)
{
	struct arena *arena = arena_new("password", WORDS_ROOM);
	struct waiting *w = NEW(arena, struct waiting, 1);
	w->admin = a;
	w->arena = arena;
	return w;
}

void verb_account_password(struct admin *a)
{
	static const char *const known[] = { "login", NULL };
	uint32_t number;
	if (admin_refused_words(a, known) || !take_account(a, &number))
		return;
	struct waiting *w = new_waiting(a);
	w->account = number;
	w->login = admin_word(a, S("login"));
	set_password(w);
}

/* In lower case, as logins are compared. */
static bool take_new_login(struct admin *a, struct buf *room, str *out)
{
	str login = admin_word(a, S("login"));
	bool good = !failed(sasl_login_check(login)) && login.n <= NEW_LOGIN_MAX && str_find(login, ' ') == STR_NONE;
	if (!good) {
		admin_refuse(a, "a login has 1 to %d characters, no blanks and no control characters", NEW_LOGIN_MAX);
		return false;
	}
	for (size_t i = 0; i < login.n; i++)
		buf_byte(room, ascii_lower(login.p[i]));
	*out = buf_str(room);
	return true;
}

static bool take_name(struct admin *a, str *out)
{
	*out = admin_word(a, S("name"));
	if (out->n <= PERSON_MAX)
		return true;
	admin_refuse(a, "a name has at most %d bytes", PERSON_MAX);
	return false;
}

void verb_account_add(struct admin *a)
{
	static const char *const known[] = { "login", "address", "name", "quota", NULL };
	char login_room[NEW_LOGIN_MAX], room[MAILNAME_MAX];
	struct buf l = BUF_ON(login_room), b = BUF_ON(room);
	struct mailname address;
	str login, name;
	int64_t quota;
	if (admin_refused_words(a, known) || !take_new_login(a, &l, &login) || !take_name(a, &name) ||
		!take_address(a, admin_word(a, S("address")), &b, &address) || !take_quota(a, &quota))
		return;
	struct waiting *w = new_waiting(a);
	w->login = arena_copy(w->arena, login);
	w->name = name;
	w->quota = quota;
	w->address = (struct mailname){ arena_copy(w->arena, address.local), arena_copy(w->arena, address.domain) };
	set_password(w);
}

/* ---- changes ---- */

static void set_state(struct admin *a, enum account_state state)
{
	static const char *const known[] = { "login", NULL };
	char words[WORDS_ROOM];
	struct buf b = BUF_ON(words);
	uint32_t number;
	if (admin_refused_words(a, known) || !take_account(a, &number))
		return;
	struct directory_change c = command_change(a, &b);
	struct directory *store = role_of(a)->store;
	err e = state == ACCOUNT_REMOVED ? directory_account_remove(store, &c, number)
					 : directory_account_state(store, &c, number, state);
	if (!failed(e) && state != ACCOUNT_ACTIVE)
		account_evict(role_of(a), number);
	command_end(a, &c, e);
}

void verb_account_suspend(struct admin *a) { set_state(a, ACCOUNT_SUSPENDED); }
void verb_account_resume(struct admin *a) { set_state(a, ACCOUNT_ACTIVE); }
void verb_account_remove(struct admin *a) { set_state(a, ACCOUNT_REMOVED); }

/* The figures begin anew, so that the next message does not pull the brake again. */
void verb_account_release(struct admin *a)
{
	static const char *const known[] = { "login", NULL };
	char words[WORDS_ROOM];
	struct buf b = BUF_ON(words);
	uint32_t number;
	if (admin_refused_words(a, known) || !take_account(a, &number))
		return;
	struct directory_role *r = role_of(a);
	if (r->queue == NULL) {
		admin_refuse(a, "the queue does not run: is the server running?");
		return;
	}
	struct directory_change c = command_change(a, &b);
	err e = directory_account_brake(r->store, &c, number, 0);
	if (!failed(e)) {
		struct directory_account *account = directory_account(r->store, number);
		account->hour = account->day = (struct sending){ 0 };
		IGNORE(msg_send_released(&r->queue->peer.channel, 0, &(struct msg_released){ .account = number }));
	}
	command_end(a, &c, e);
}

/* "en", "de", "default". */
static bool take_language(struct admin *a, int *out)
{
	str word = admin_word(a, S("language"));
	if (word.p == NULL || str_eq(word, S("default")))
		*out = LANGUAGE_CONFIGURED;
	else if (str_eq(word, S("en")))
		*out = LANGUAGE_ENGLISH;
	else if (str_eq(word, S("de")))
		*out = LANGUAGE_GERMAN;
	else {
		admin_refuse(a, "languages are en, de and default");
		return false;
	}
	return true;
}

/* One thing at a time, so that a refusal leaves nothing half done. */
void verb_account_change(struct admin *a)
{
	static const char *const known[] = { "login", "add-address", "remove-address", "name", "quota", "language",
		NULL };
	char words[WORDS_ROOM], room[MAILNAME_MAX];
	struct buf w = BUF_ON(words), b = BUF_ON(room);
	struct directory *store = role_of(a)->store;
	struct mailname address;
	uint32_t number;
	int64_t quota;
	int language = LANGUAGE_CONFIGURED;
	str added = admin_word(a, S("add-address")), removed = admin_word(a, S("remove-address")), name;
	if (admin_refused_words(a, known))
		return;
	if (a->words_count != 2) {
		admin_refuse(a, "\"account change\" takes a login and one thing to change");
		return;
	}
	bool is_address = added.p != NULL || removed.p != NULL;
	bool is_language = admin_word(a, S("language")).p != NULL;
	if (!take_account(a, &number) || !take_name(a, &name) || !take_quota(a, &quota) ||
		!take_language(a, &language) ||
		(is_address && !take_address(a, added.p != NULL ? added : removed, &b, &address)))
		return;
	struct directory_change c = command_change(a, &w);
	err e = added.p != NULL     ? directory_address_add(store, &c, number, &address)
		: removed.p != NULL ? directory_address_remove(store, &c, number, &address)
		: name.p != NULL    ? directory_account_name(store, &c, number, name)
		: is_language       ? directory_account_language(store, &c, number, language)
				    : directory_account_quota(store, &c, number, quota);
	if (!failed(e))
		quota_changed(role_of(a), number);
	command_end(a, &c, e);
}

/* ---- lists ---- */

static void add_address(void *to, const struct mailname *name)
{
	char room[2 * MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	mailname_write(&b, name);
	json_list_item(to, buf_str(&b));
}

static err send_account(struct admin *a, const struct directory_account *account)
{
	static const char *const states[] = { "active", "suspended", "removed" };
	static char line[LINE_ROOM];
	struct directory *store = role_of(a)->store;
	char room[DIRECTORY_LOGIN_MAX + PERSON_MAX];
	struct buf b = BUF_ON(room), l = BUF_ON(line);
	struct directory_account_texts texts;
	TRY(directory_account_texts(store, account->number, &b, &texts));
	struct json j = json_begin(&l);
	json_text(&j, "login", texts.login);
	json_list_begin(&j, "address");
	TRY(directory_each_address(store, account->number, add_address, &j));
	json_list_end(&j);
	bool is_braked = account->state == ACCOUNT_ACTIVE && account->braked != 0;
	json_text(&j, "state", is_braked ? S("braked") : str_of(states[account->state]));
	json_number(&j, "account", account->number);
	json_text(&j, "name", texts.name);
	json_number(&j, "quota", quota_of(role_of(a), account));
	json_number(&j, "bytes", account->used_bytes);
	json_number(&j, "messages", account->used_messages);
	json_moment(&j, "created", texts.created);
	json_moment(&j, "last_login", account->last_login);
	json_moment(&j, "braked", account->braked);
	json_text(&j, "language",
		str_of(account->language == LANGUAGE_GERMAN     ? "de"
			: account->language == LANGUAGE_ENGLISH ? "en"
								: "default"));
	json_end(&j);
	return l.lost ? FAIL(LIMIT) : admin_line(a, buf_str(&l));
}

void verb_account_show(struct admin *a)
{
	static const char *const known[] = { "login", NULL };
	uint32_t number;
	if (admin_refused_words(a, known) || !take_account(a, &number))
		return;
	command_end_list(a, send_account(a, directory_account(role_of(a)->store, number)));
}

struct in_domain {
	str domain;
	bool found;
};

static void look(void *to, const struct mailname *name)
{
	struct in_domain *in = to;
	in->found = in->found || str_eq_nocase(name->domain, in->domain);
}

static err list_account(struct admin *a, const struct directory_account *account, str domain)
{
	struct in_domain in = { domain, domain.p == NULL };
	if (!in.found)
		TRY(directory_each_address(role_of(a)->store, account->number, look, &in));
	return in.found ? send_account(a, account) : OK;
}

/* Some accounts at a time: others are served in between. */
static void list_more(struct admin *a)
{
	struct directory *store = role_of(a)->store;
	uint32_t *next = a->state;
	err e = OK;
	for (unsigned i = 0; !failed(e) && i < ACCOUNTS_AT_ONCE && *next <= directory_account_highest(store); i++) {
		const struct directory_account *account = directory_account(store, (*next)++);
		if (account != NULL && account->state != ACCOUNT_REMOVED)
			e = list_account(a, account, admin_word(a, S("domain")));
	}
	if (failed(e) || *next > directory_account_highest(store))
		command_end_list(a, e);
}

void verb_account_list(struct admin *a)
{
	static const char *const known[] = { "domain", NULL };
	if (admin_refused_words(a, known))
		return;
	uint32_t *next = NEW(a->arena, uint32_t, 1);
	if (next == NULL) {
		command_end_list(a, FAIL(MEMORY));
		return;
	}
	*next = 1;
	a->state = next;
	admin_go_on(a, list_more);
}
