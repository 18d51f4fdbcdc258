/* SPDX-License-Identifier: Apache-2.0 */
/* A login from its first message to its answer. What a wrong login costs and says is the same whether the login is
 * unknown, suspended or the password wrong: the same hash is computed, the same words are used, after a delay that grows
 * with the failures of the session, of the login and of the network. Above the configured numbers nothing is looked at any
 * more for a while; a login that succeeded lately from the client's network is not locked out by what others do. */
#include "os/clock.h"
#include "os/random.h"
#include "role/directory/session.h"

#define CONVERSATION "ipc/directory_mailroom.def"
#include "ipc/conversation.h"

enum { DELAY_FIRST_MS = 500, DELAY_MAX_MS = 8000, TICKET = 16 };

static const char wrong_login[] = "Wrong login or password";
static const char too_many[] = "Too many wrong logins, please try again later";
static const char try_later[] = "Logins cannot be checked at the moment, please try again";

bool auth_is_busy(const struct session *s)
{
	return s->auth != NULL && (s->auth->state == AUTH_HASHING || s->auth->state == AUTH_DELAYED);
}

void auth_forget(struct session *s)
{
	if (s->auth == NULL)
		return;
	if (s->auth->state == AUTH_HASHING)
		job_forget(&s->role->jobs, s->auth->job);
	loop_timer_stop(s->role->service->loop, &s->auth->timer);
}

static str login_of(const struct auth *a) { return str_from(a->login, a->login_n); }
static str password_of(const struct auth *a) { return str_from(a->password, a->password_n); }

/* ---- answers ---- */

static err done(struct session *s, struct msg_auth_done m)
{
	s->auth->state = AUTH_NONE;
	wipe(s->auth->password, sizeof s->auth->password);
	s->auth->password_n = 0;
	if (!m.granted)
		m.hang_up = m.hang_up || s->failures >= s->role->service->conf->login.failures_per_session;
	return msg_send_auth_done(&s->channel, 0, &m);
}

static err refuse(struct session *s, const char *reason)
{
	return done(s, (struct msg_auth_done){ .reason = str_of(reason) });
}

static err not_now(struct session *s)
{
	return done(s, (struct msg_auth_done){ .temporary = true, .reason = str_of(try_later) });
}

static err challenge(struct session *s, enum auth_state state, str text)
{
	s->auth->state = state;
	return msg_send_auth_challenge(&s->channel, 0, &(const struct msg_auth_challenge){ .challenge = text });
}

/* ---- throttling ---- */

enum { KEY_MAX = SASL_LOGIN_MAX + 20 };

static str login_key(const struct auth *a, struct buf *b)
{
	buf_byte(b, 'l');
	buf_add(b, login_of(a));
	return buf_str(b);
}

static str network_key(const struct session *s, struct buf *b)
{
	const struct network around = network_around(&s->client);
	buf_byte(b, 'n');
	buf_add(b, str_from((const char *)around.address.bytes, sizeof around.address.bytes));
	return buf_str(b);
}

/* Of a login that succeeded from a network. */
static str known_key(const struct session *s, struct buf *b)
{
	network_key(s, b);
	buf_add(b, login_of(s->auth));
	return buf_str(b);
}

static unsigned count(const struct session *s, str key) { return throttle_count(s->role->throttle, key, clock_ms()); }

static bool is_blocked(const struct session *s)
{
	const struct conf_login *conf = &s->role->service->conf->login;
	char room[3][KEY_MAX];
	struct buf login = BUF_ON(room[0]), network = BUF_ON(room[1]), known = BUF_ON(room[2]);
	if (count(s, network_key(s, &network)) >= conf->failures_per_network)
		return true;
	return count(s, login_key(s->auth, &login)) >= conf->failures_per_login && count(s, known_key(s, &known)) == 0;
}

static int64_t delay_after(unsigned failures)
{
	unsigned doublings = failures > 0 ? failures - 1 : 0;
	return doublings > 4 ? DELAY_MAX_MS : (int64_t)DELAY_FIRST_MS << doublings;
}

static void log_result(struct session *s, enum log_event event, str reason)
{
	char room[64];
	struct buf b = BUF_ON(room);
	struct log_field fields[] = {
		F_ADDRESS("login", login_of(s->auth)),
		F_ADDRESS("client", session_client(s, &b)),
		F_NUMBER("account", s->auth->account),
		F_TEXT("reason", reason),
		{ NULL, LOG_END, NO_STR, 0 },
	};
	if (reason.n == 0)
		fields[3] = fields[4];
	log_write(&s->log, event, fields);
}

static void after_delay(void *to)
{
	struct session *s = to;
	bool blocked = s->auth->blocked;
	session_answered(s, done(s, (struct msg_auth_done){ .temporary = blocked,
					    .hang_up = blocked,
					    .reason = str_of(blocked ? too_many : wrong_login) }));
}

/* Counts the failure and answers it later. */
static err fail(struct session *s, str reason)
{
	char room[2][KEY_MAX];
	struct buf login = BUF_ON(room[0]), network = BUF_ON(room[1]);
	int64_t now = clock_ms();
	unsigned most = ++s->failures;
	if (!s->auth->blocked) {
		unsigned by_login = throttle_add(s->role->throttle, login_key(s->auth, &login), now);
		unsigned by_network = throttle_add(s->role->throttle, network_key(s, &network), now) / 4;
		most = by_login > most ? by_login : most;
		most = by_network > most ? by_network : most;
	}
	log_result(s, EV_login_failed, reason);
	s->auth->state = AUTH_DELAYED;
	loop_timer_start(s->role->service->loop, &s->auth->timer, delay_after(most), after_delay, s);
	return OK;
}

/* ---- the decision ---- */

/* The mailroom is told before the client is: then the ticket is there when the session comes. */
static err vouch(struct session *s, str ticket)
{
	struct link *mailroom = s->role->mailroom;
	const struct msg_vouch m = {
		.ticket = ticket, .account = s->auth->account, .login = s->login, .session = s->log.session
	};
	return mailroom != NULL ? msg_send_vouch(&mailroom->peer.channel, 0, &m) : FAIL(CLOSED);
}

static err grant(struct session *s)
{
	char ticket[TICKET], room[2][KEY_MAX];
	struct buf login = BUF_ON(room[0]), known = BUF_ON(room[1]);
	struct directory_account *account = directory_account(s->role->store, s->auth->account);
	struct msg_auth_done m = { .granted = true, .account = account->number };
	s->login = arena_copy(s->arena, login_of(s->auth));
	if (s->kind == LINK_GREETER) {
		random_bytes(ticket, sizeof ticket);
		m.ticket = str_from(ticket, sizeof ticket);
		if (failed(vouch(s, m.ticket)))
			return not_now(s);
	}
	m.login = s->login;
	s->account = account->number;
	account->last_login = clock_utc_ms();
	account->is_unsaved = true;
	throttle_forget(s->role->throttle, login_key(s->auth, &login));
	throttle_add(s->role->throttle, known_key(s, &known), clock_ms());
	networks_logged_in(s->role->networks, &s->client);
	log_result(s, EV_login_ok, NO_STR);
	TRY(done(s, m));
	/* A reader's session goes on elsewhere. */
	return s->kind == LINK_GREETER ? FAIL(CLOSED) : OK;
}

/* Is what was verified still so? The account may have been changed while the hash was computed. */
static bool is_current(struct session *s)
{
	struct directory_login login;
	if (s->auth->account == 0 || failed(directory_login(s->role->store, login_of(s->auth), &login)))
		return false;
	return login.account == s->auth->account && str_eq(str_of(login.hash), str_of(s->auth->hash)) &&
	       directory_account(s->role->store, login.account)->state == ACCOUNT_ACTIVE;
}

static err decide(struct session *s, const struct job_result *result)
{
	if (result->failed)
		return not_now(s);
	if (!result->match)
		return fail(s, s->auth->account != 0 ? S("wrong password") : S("unknown or suspended login"));
	if (!is_current(s))
		return fail(s, S("the account was changed meanwhile"));
	password_remember(s->role->remembered, s->auth->account, password_of(s->auth), clock_ms());
	return grant(s);
}

static void on_hash(void *to, const struct job_result *result)
{
	struct session *s = to;
	s->auth->state = AUTH_NONE;
	session_answered(s, decide(s, result));
}

static err verify(struct session *s)
{
	struct auth *a = s->auth;
	a->state = AUTH_HASHING;
	err e = job_verify(&s->role->jobs, password_of(a), str_of(a->hash), on_hash, s, &a->job);
	if (failed(e))
		a->state = AUTH_NONE;
	return failed(e) ? not_now(s) : OK;
}

static void use_hash(struct auth *a, const char *hash)
{
	struct buf b = { .p = a->hash, .room = DIRECTORY_HASH_MAX };
	buf_add(&b, str_of(hash));
	a->hash[b.n] = '\0';
}

/* Login and password are there. */
static err check(struct session *s)
{
	struct directory_role *r = s->role;
	struct auth *a = s->auth;
	struct directory_login login;
	a->account = 0;
	a->blocked = is_blocked(s);
	if (a->blocked)
		return fail(s, S("too many wrong logins"));
	err e = directory_login(r->store, login_of(a), &login);
	if (failed(e) && e.code != ERR_ABSENT) {
		IGNORE(store_failure(r, e)); /* logged; the client hears of it */
		return not_now(s);
	}
	bool is_good = !failed(e) && directory_account(r->store, login.account)->state == ACCOUNT_ACTIVE &&
		       login.hash[0] != '\0';
	a->account = is_good ? login.account : 0;
	use_hash(a, is_good ? login.hash : r->dummy_hash);
	if (is_good && password_is_remembered(r->remembered, a->account, password_of(a), clock_ms()))
		return grant(s);
	return a->hash[0] != '\0' ? verify(s) : not_now(s);
}

/* ---- the mechanisms ---- */

static void set_login(struct auth *a, str login)
{
	a->login_n = login.n;
	for (size_t i = 0; i < login.n; i++)
		a->login[i] = ascii_lower(login.p[i]);
}

static void set_password(struct auth *a, str password)
{
	a->password_n = password.n;
	memcpy(a->password, password.p, password.n);
}

/* What cannot be a login is a failure like any other. */
static err malformed(struct session *s)
{
	s->auth->blocked = false;
	s->auth->login_n = 0;
	s->auth->account = 0;
	return fail(s, S("not a login"));
}

static err plain(struct session *s, str message)
{
	struct sasl_credentials c;
	if (failed(sasl_plain(message, &c)))
		return malformed(s);
	set_login(s->auth, c.login);
	set_password(s->auth, c.password);
	return check(s);
}

/* LOGIN was never a standard; clients know it from draft-murchison-sasl-login. */
static err take_login(struct session *s, str login)
{
	if (failed(sasl_login_check(login)))
		return malformed(s);
	set_login(s->auth, login);
	return challenge(s, AUTH_PASSWORD, S("Password:"));
}

static err take_password(struct session *s, str password)
{
	if (failed(sasl_password_check(password)))
		return malformed(s);
	set_password(s->auth, password);
	return check(s);
}

/* Passwords in clear only from this machine to itself, for reading. */
static bool may_be_plain(const struct session *s)
{
	static const struct address v6_loopback = { .bytes = { [15] = 1 } };
	const struct address *c = &s->client;
	bool is_loopback = address_eq(c, &v6_loopback) || (address_is_v4(c) && c->bytes[12] == 127);
	return s->kind == LINK_GREETER && is_loopback &&
	       in_networks(&s->role->service->conf->server.internal_networks, c);
}

err auth_start(struct session *s, const struct msg_auth_start *m)
{
	if (s->account != 0)
		return FAIL(STATE);
	if (s->auth == NULL)
		s->auth = NEW(s->arena, struct auth, 1);
	if (s->auth == NULL)
		return FAIL(MEMORY);
	s->auth->state = AUTH_NONE;
	if (!m->encrypted && !may_be_plain(s))
		return refuse(s, "Passwords are taken only over TLS");
	if (str_eq_nocase(m->mechanism, S("PLAIN")))
		return m->has_initial ? plain(s, m->initial) : challenge(s, AUTH_PLAIN, S(""));
	if (str_eq_nocase(m->mechanism, S("LOGIN")))
		return m->has_initial ? take_login(s, m->initial) : challenge(s, AUTH_LOGIN, S("Username:"));
	return done(s, (struct msg_auth_done){
			       .unknown = true, .reason = S("This mechanism is not offered: use PLAIN or LOGIN") });
}

err auth_response(struct session *s, const struct msg_auth_response *m)
{
	enum auth_state state = s->auth != NULL ? s->auth->state : AUTH_NONE;
	if (state == AUTH_PLAIN)
		return plain(s, m->response);
	if (state == AUTH_LOGIN)
		return take_login(s, m->response);
	return state == AUTH_PASSWORD ? take_password(s, m->response) : FAIL(STATE);
}
