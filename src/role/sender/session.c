/* SPDX-License-Identifier: Apache-2.0 */
#include "role/sender/session.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/base64.h"
#include "os/clock.h"

enum {
	INPUT_ROOM = 4096,
	OUTPUT_ROOM = 16 << 10,
	MESSAGE_BUDGET = 256 << 10,
	MESSAGES_MAX = 100,
	CEILING_S = 7200,
	GOODBYE_MS = 2000,
	SESSION_BUDGET = 32 << 10,
	ASKING_LINGER_S = 30, /* a connection that asks is kept: the next question comes soon */
};

/* ---- lines and replies ---- */

void line_put(struct session *s, const char *format, ...)
{
	char room[LINE_ROOM];
	va_list list;
	va_start(list, format);
	int n = vsnprintf(room, sizeof room, format, list);
	va_end(list);
	/* Nothing that somebody wrote into an address or a name can end a line of ours. */
	str line = str_from(room, n < 0 ? 0 : (size_t)n < sizeof room ? (size_t)n : sizeof room - 1);
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '\r' || line.p[i] == '\n' || line.p[i] == '\0')
			room[i] = '?';
	io_put(s->io, line);
	io_put(s->io, S("\r\n"));
}

err reply_read(struct session *s, uint64_t seconds)
{
	str line;
	err e = OK;
	io_deadline(s->io, (int64_t)seconds * 1000);
	smtp_reply_start(&s->reader, s->room, sizeof s->room);
	while (!failed(e) && !s->reader.done) {
		e = io_line(s->io, &line);
		if (!failed(e))
			e = smtp_reply_line(&s->reader, line);
	}
	s->over = s->over || failed(e);
	if (failed(e))
		return e;
	s->reply = s->reader.reply;
	/* RFC 5321 3.8: it closes the connection, whatever it was asked. */
	s->over = s->over || s->reply.code == 421;
	return OK;
}

err command(struct session *s, const char *format, ...)
{
	char room[LINE_ROOM];
	va_list list;
	va_start(list, format);
	int n = vsnprintf(room, sizeof room, format, list);
	va_end(list);
	if (n < 0 || (size_t)n >= sizeof room)
		return FAIL(LIMIT);
	/* What was said before it was asked for would be taken for the answer to the next command. */
	if (io_waiting(s->io) > 0) {
		s->over = true;
		return FAIL(SYNTAX);
	}
	line_put(s, "%s", room);
	return reply_read(s, s->conf->command_timeout);
}

/* ---- the beginning ---- */

static bool give_up(struct session *s, enum cause cause, bool final, const char *status, const char *text)
{
	failure_set(&s->c->failure, cause, final, status, "%s", text);
	failure_set_host(&s->c->failure, s);
	return false;
}

static bool broken(struct session *s, err e, const char *when)
{
	failure_of_error(&s->c->failure, s, e, when);
	return false;
}

static bool refused(struct session *s, enum stage stage)
{
	failure_of_reply(&s->c->failure, s, stage);
	return false;
}

static str helo_name(const struct session *s)
{
	return s->route != NULL && s->route->helo.n > 0 ? s->route->helo : s->sender->helo;
}

static bool greeting(struct session *s)
{
	err e = reply_read(s, s->conf->greeting_timeout);
	if (failed(e))
		return broken(s, e, "before its greeting");
	if (s->reply.code != 220)
		return refused(s, AT_GREETING);
	return true;
}

/* What the server calls itself. */
static str name_in_reply(const struct session *s)
{
	str text = s->reply.text, line = S(""), name = S("");
	str_word(&text, '\n', &line);
	str_word(&line, ' ', &name);
	return name;
}

/* The server calls itself by our name: this is ourselves, and mail for this domain goes in circles. */
static bool is_ourselves(const struct session *s)
{
	const str name = name_in_reply(s);
	return (s->route == NULL || s->route->host.n == 0) && str_eq_nocase(name, s->sender->conf->server.hostname);
}

/* RFC 5321 3.2: a server that does not know EHLO is greeted with HELO. */
static bool hello(struct session *s)
{
	str name = helo_name(s);
	s->offer = (struct smtp_offer){ 0 };
	err e = command(s, "%s %.*s", s->lmtp ? "LHLO" : "EHLO", ARG(name));
	if (failed(e))
		return broken(s, e, "at EHLO");
	s->esmtp = s->reply.code == 250;
	if (s->esmtp)
		smtp_offer_read(s->reply.text, &s->offer);
	const bool old = s->reply.code >= 500 && !s->lmtp && s->tls_version == NULL;
	if (old) {
		e = command(s, "HELO %.*s", ARG(name));
		if (failed(e))
			return broken(s, e, "at HELO");
	}
	if (s->reply.code != 250)
		return refused(s, AT_GREETING);
	s->helo = plain_text(name_in_reply(s), s->helo_room, sizeof s->helo_room);
	if (is_ourselves(s))
		return give_up(s, CAUSE_loop, true, "5.4.6", "the mail server of this domain is this server itself");
	return true;
}

/* ---- TLS ---- */

static void expect(const struct session *s, struct tls_expected *e, struct tls_record *records)
{
	const struct host *h = s->host;
	const enum security_action action = s->security.action;
	const bool routed = s->route != NULL && s->route->host.n > 0;
	e->insists = action >= ACTION_VERIFY;
	e->resumes = true;
	if (action == ACTION_DANE) {
		e->proof = TLS_PROOF_RECORDS;
		e->records = records;
		e->records_count = h->records_count;
		for (size_t i = 0; i < h->records_count; i++)
			records[i] = (struct tls_record){ h->records[i].usage, h->records[i].selector,
				h->records[i].matching, h->records[i].data };
		/* RFC 7672 3.2.2: the names under which the records stand, and with a signed MX the domain itself. */
		e->names[e->names_count++] = h->tlsa_base;
		if (!str_eq(h->name, h->tlsa_base))
			e->names[e->names_count++] = h->name;
		if (h->mx_secure && !routed)
			e->names[e->names_count++] = s->c->destination->name;
		return;
	}
	e->proof = action == ACTION_VERIFY || s->security.watches ? TLS_PROOF_NAME : TLS_PROOF_NOTHING;
	e->names[e->names_count++] = h->name;
}

static const char *require_status(const struct session *s)
{
	return s->security.source == SOURCE_MESSAGE ? "5.7.10" : "4.7.5";
}

/* Without TLS where it is needed: this host is of no use, for a message that insists finally. */
static bool needs_tls(struct session *s, const char *text)
{
	const bool final = s->c->destination->wish == WISH_REQUIRE;
	return give_up(s, CAUSE_tls, final, final ? "5.7.10" : require_status(s), text);
}

static void note_tls(const struct session *s, enum tls_result_type type, const char *reason)
{
	struct destination *d = s->c->destination;
	struct address local;
	const struct tls_note note = { d, s->host, &s->c->used, own_address(io_fd(s->io), &local) ? &local : NULL,
		s->helo, s->security.source, type, str_of(reason) };
	results_note(s->sender, &note);
	if (type != TLS_RESULT_SUCCESS && s->security.source == SOURCE_STS)
		policy_broken(&s->log, d, s->host, reason);
}

/* A policy that is being tested fails in the report only (RFC 8461 5); so do records of which none can be used, with which TLS is
 * all that can be asked for (RFC 7672 2.2). */
static void note_handshake(const struct session *s, const struct tls *tls)
{
	if (s->security.watches && !policy_names(s->c->destination, s->host))
		note_tls(s, TLS_RESULT_VALIDATION_FAILURE, "the MTA-STS policy does not name this host");
	else if (s->security.watches && !s->proved)
		note_tls(s, tls_doubt_type(tls), tls_doubt(tls));
	else if (s->security.source == SOURCE_TLSA && s->security.action != ACTION_DANE)
		note_tls(s, TLS_RESULT_TLSA_INVALID, "there are TLSA records, but none that can be used");
	else
		note_tls(s, TLS_RESULT_SUCCESS, "");
}

static bool shake_hands(struct session *s)
{
	struct tls_record records[HOST_RECORDS_MAX];
	struct tls_expected expected = { .proof = TLS_PROOF_NOTHING };
	struct tls *tls = NULL;
	char text[TEXT_MAX];
	expect(s, &expected, records);
	err e = tls_connect_as(s->sender->trust, io_fd(s->io), &expected, &tls);
	if (failed(e)) {
		note_tls(s, TLS_RESULT_TLSA_INVALID, "none of the TLSA records can be used");
		return needs_tls(s, "none of the TLSA records can be used");
	}
	io_deadline(s->io, (int64_t)s->conf->command_timeout * 1000);
	e = io_start_layer(s->io, &tls_layer, tls);
	if (e.code == ERR_STATE) {
		/* CVE-2011-0411, from the other side: what came in plaintext would be taken for what TLS protects. */
		tls_free(&tls);
		s->over = true;
		note_tls(s, TLS_RESULT_VALIDATION_FAILURE, "the server sent plaintext behind its answer to STARTTLS");
		return give_up(
			s, CAUSE_protocol, false, "4.5.0", "the server sent plaintext behind its answer to STARTTLS");
	}
	if (failed(e)) {
		s->over = true;
		snprintf(text, sizeof text, "the TLS handshake failed: %s", tls_failure(tls));
		LOG(&s->log, tls_failed, F_TEXT("host", s->host->name),
			F_TEXT("policy", str_of(security_action_name(s->security.action))),
			F_TEXT("reason", str_of(tls_failure(tls))));
		note_tls(s, tls_doubt_type(tls), tls_failure(tls));
		if (s->security.action != ACTION_MAY)
			return needs_tls(s, text);
		s->c->plain = s->c->again = true;
		return give_up(s, CAUSE_tls, false, "4.7.5", text);
	}
	s->tls_version = tls_version_name(tls);
	s->tls_cipher = tls_cipher_name(tls);
	s->proved = tls_is_proved(tls);
	note_handshake(s, tls);
	return hello(s);
}

/* RFC 3207 4: a server that offers it may have none "due to temporary reason". "starttls-not-supported" would be wrong of it: this is
 * the failure "for a reason not matching a category above", for which the report gives the reason (RFC 8460 4.3.1). */
static bool refused_tls(struct session *s)
{
	char text[TEXT_MAX];
	snprintf(text, sizeof text, "the server refused STARTTLS (%d)", s->reply.code);
	note_tls(s, TLS_RESULT_VALIDATION_FAILURE, text);
	return (s->security.action == ACTION_MAY && !s->over) || needs_tls(s, text);
}

static bool start_tls(struct session *s)
{
	const enum security_action action = s->security.action;
	if (action == ACTION_PLAIN || (action == ACTION_MAY && s->c->plain))
		return true;
	if (!offers(s, SMTP_EXTENSION_STARTTLS)) {
		note_tls(s, TLS_RESULT_STARTTLS_NOT_SUPPORTED, "the server does not offer STARTTLS");
		return action == ACTION_MAY || needs_tls(s, "the server does not offer STARTTLS");
	}
	err e = command(s, "STARTTLS");
	if (failed(e))
		return broken(s, e, "at STARTTLS");
	if (s->reply.code != 220)
		return refused_tls(s);
	return shake_hands(s);
}

/* ---- login ---- */

static err auth_plain(struct session *s)
{
	char secret[1024], text[1400];
	struct buf b = BUF_ON(secret), line = BUF_ON(text);
	buf_byte(&b, '\0');
	buf_add(&b, s->route->login);
	buf_byte(&b, '\0');
	buf_add(&b, s->route->password);
	base64_encode(&line, buf_str(&b));
	err e = b.lost || line.lost ? FAIL(LIMIT) : command(s, "AUTH PLAIN %.*s", ARG(buf_str(&line)));
	wipe(secret, sizeof secret);
	wipe(text, sizeof text);
	return e;
}

static err say_encoded(struct session *s, str secret)
{
	char text[1400];
	struct buf line = BUF_ON(text);
	base64_encode(&line, secret);
	err e = line.lost ? FAIL(LIMIT) : command(s, "%.*s", ARG(buf_str(&line)));
	wipe(text, sizeof text);
	return e;
}

static err auth_login(struct session *s)
{
	TRY(command(s, "AUTH LOGIN"));
	if (s->reply.code == 334)
		TRY(say_encoded(s, s->route->login));
	if (s->reply.code == 334)
		TRY(say_encoded(s, s->route->password));
	return OK;
}

static bool log_in(struct session *s)
{
	if (s->route == NULL || s->route->auth.n == 0)
		return true;
	if (s->route->login.n == 0)
		return give_up(
			s, CAUSE_route, false, "4.7.0", "the route names a login that route-logins does not have");
	if (s->tls_version == NULL && s->security.action != ACTION_PLAIN)
		return give_up(
			s, CAUSE_route, false, "4.7.0", "the route has a login, which does not leave without TLS");
	if (s->offer.mechanisms == 0)
		return give_up(s, CAUSE_route, false, "4.7.0", "the server offers neither AUTH PLAIN nor AUTH LOGIN");
	err e = (s->offer.mechanisms & SMTP_MECHANISM_PLAIN) != 0 ? auth_plain(s) : auth_login(s);
	if (failed(e))
		return broken(s, e, "at AUTH");
	return s->reply.code == 235 || refused(s, AT_LOGIN);
}

/* ---- the whole ---- */

static bool begin(struct session *s)
{
	s->security = destination_security(s->c->destination, s->host);
	if (s->security.action == ACTION_AVOID) {
		const bool final = s->security.is_final;
		return give_up(s, CAUSE_tls, final, final ? "5.7.10" : "4.7.5", s->security.reason);
	}
	if (!greeting(s) || !hello(s) || !start_tls(s))
		return false;
	if (s->security.wants_require && !offers(s, SMTP_EXTENSION_REQUIRETLS))
		return give_up(s, CAUSE_capability, true, "5.7.30",
			"the server does not promise to demand TLS of the next one");
	return log_in(s);
}

/* A server that has hung up, or said something meanwhile, gets no more mail here. */
static bool is_fit(struct session *s)
{
	return !s->over && s->messages < MESSAGES_MAX &&
	       (s->offer.messages_max == 0 || s->messages < s->offer.messages_max);
}

/* Behind TLS there may be something that is no mail: a ticket, or what was read ahead. */
static bool is_still_there(struct session *s)
{
	struct pollfd p = { .fd = io_fd(s->io), .events = POLLIN | POLLRDHUP };
	if (poll(&p, 1, 0) == 0 && !io_has_layer(s->io))
		return io_waiting(s->io) == 0;
	return (p.revents & ~POLLIN) == 0 && io_has_layer(s->io) && !io_has_input(s->io, 0);
}

static int64_t linger_of(const struct session *s, bool more)
{
	const uint64_t linger = s->c->destination->asks ? ASKING_LINGER_S : s->conf->linger;
	return (int64_t)(more ? linger * 2 : linger);
}

/* Another connection may have taken what this one was made for: it stays as long as if it had, since there is much mail. */
static void send_mail(struct session *s)
{
	struct job *j = threads_next_job(s->c, 0);
	s->waited = j == NULL && !s->c->probed;
	if (s->waited)
		j = threads_next_job(s->c, linger_of(s, false));
	while (j != NULL) {
		if (s->waited && (!is_fit(s) || !is_still_there(s))) {
			s->over = true;
			threads_give_back(s->c, j);
			return;
		}
		const bool more = j->more;
		io_ceiling(s->io, (int64_t)CEILING_S * 1000);
		bool begun = j->callout != NULL ? callout_run(s, j) : transaction_run(s, j);
		arena_reset(s->arena);
		if (!begun) {
			threads_give_back(s->c, j);
			return;
		}
		s->messages++;
		s->waited = true;
		threads_job_done(j);
		if (!is_fit(s))
			return;
		j = threads_next_job(s->c, linger_of(s, more));
	}
}

static void end(struct session *s)
{
	s->c->fd = -1; /* io's */
	if (s->over) {
		io_free(&s->io);
		return;
	}
	io_deadline(s->io, GOODBYE_MS);
	line_put(s, "QUIT");
	io_finish(&s->io, GOODBYE_MS);
}

/* Whoever asks is waited for in a dialogue, and waits no longer for anything; all of its beginning has one such time. */
static void be_hasty(struct session *s)
{
	const uint64_t most = s->sender->conf->edge.answer_timeout;
	s->hasty = *s->conf;
	s->hasty.greeting_timeout = s->hasty.command_timeout = most;
	s->conf = &s->hasty;
	io_ceiling(s->io, (int64_t)most * 1000);
}

void session_run(struct connection *c)
{
	struct arena *own = arena_new("session", SESSION_BUDGET);
	struct session *s = NEW(own, struct session, 1);
	struct buf client;
	*s = (struct session){ .c = c,
		.sender = c->sender,
		.conf = &c->sender->conf->sender,
		.route = c->destination->route,
		.host = &c->destination->hosts[c->host_used],
		.log = c->sender->service->log,
		.io = io_new(c->fd, INPUT_ROOM, OUTPUT_ROOM),
		.arena = arena_new("message", MESSAGE_BUDGET) };
	client = BUF_ON(s->client);
	address_write(&client, &c->used);
	s->lmtp = s->route != NULL && s->route->lmtp;
	io_ceiling(s->io, (int64_t)CEILING_S * 1000);
	if (c->destination->asks)
		be_hasty(s);
	c->failure = (struct failure){ .cause = CAUSE_none };
	if (begin(s)) {
		c->worked = true;
		c->tls_version = s->tls_version;
		c->proved = s->proved;
		LOG(&s->log, server_reached, F_TEXT("destination", c->destination->name), F_TEXT("host", s->host->name),
			F_TEXT("client", str_of(s->client)),
			F_TEXT("tls", str_of(s->tls_version != NULL ? s->tls_version : "none")),
			F_TEXT("cipher", str_of(s->tls_cipher != NULL ? s->tls_cipher : "none")),
			F_TEXT("verified", s->proved ? S("yes") : S("no")),
			F_TEXT("policy", str_of(security_source_name(s->security.source))));
		send_mail(s);
	}
	end(s);
	arena_free(&s->arena);
	arena_free(&own);
}
