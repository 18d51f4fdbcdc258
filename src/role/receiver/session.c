/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of a session, and what all commands share: every check that is the same for all stands here, once. */
#include "role/receiver/session.h"

#include <stdarg.h>
#include <stdio.h>

#include "os/clock.h"
#include "os/fd.h"
#include "os/random.h"
#include "proto/proxy/header.h"

enum {
	INPUT_ROOM = 16 << 10,
	OUTPUT_ROOM = 4096,
	SESSION_BUDGET = 256 << 10,
	COMMAND_BUDGET = 32 << 10,
	GOODBYE_MS = 2000
};

static command_fn *const commands[SMTP_VERBS] = {
	[SMTP_VERB_EHLO] = command_ehlo,
	[SMTP_VERB_HELO] = command_helo,
	[SMTP_VERB_LHLO] = command_lhlo,
	[SMTP_VERB_MAIL] = command_mail,
	[SMTP_VERB_RCPT] = command_rcpt,
	[SMTP_VERB_DATA] = command_data,
	[SMTP_VERB_BDAT] = command_bdat,
	[SMTP_VERB_RSET] = command_rset,
	[SMTP_VERB_NOOP] = command_noop,
	[SMTP_VERB_VRFY] = command_vrfy,
	[SMTP_VERB_EXPN] = command_expn,
	[SMTP_VERB_HELP] = command_help,
	[SMTP_VERB_QUIT] = command_quit,
	[SMTP_VERB_STARTTLS] = command_starttls,
	[SMTP_VERB_AUTH] = command_auth,
};

str session_client(const struct session *s) { return str_from(s->client, s->client_length); }

static void write_reply(struct session *s, int code, str enhanced, str text)
{
	char room[2048];
	struct buf b = BUF_ON(room);
	const struct smtp_reply r = { .code = code, .enhanced = enhanced, .text = text };
	session_settle(s); /* replies leave in the order of the commands */
	smtp_reply_write(&b, &r, s->transaction.utf8);
	io_put(s->io, buf_str(&b));
	if (code >= 500 && ++s->errors >= s->conf->smtp.errors_max && !s->over) {
		s->over = true;
		LOG(&s->log, protocol_refused, F_ADDRESS("client", session_client(s)),
			F_TEXT("reason", S("too many errors")));
		io_put(s->io, S("421 4.7.0 too many mistakes, goodbye\r\n"));
	}
}

void reply(struct session *s, int code, const char *enhanced, const char *text)
{
	write_reply(s, code, str_of(enhanced), str_of(text));
}

void replyf(struct session *s, int code, const char *enhanced, const char *format, ...)
{
	char room[512];
	va_list list;
	va_start(list, format);
	int n = vsnprintf(room, sizeof room, format, list);
	va_end(list);
	write_reply(s, code, str_of(enhanced),
		str_from(room, n < 0                     ? 0
			       : (size_t)n < sizeof room ? (size_t)n
							 : sizeof room - 1));
}

void reply_verdict(struct session *s, uint64_t code, str status, str reason)
{
	/* What the other process says is a reply or nothing. */
	if (code < 200 || code > 599)
		reply(s, 451, "4.3.0", "internal trouble, please try again later");
	else
		write_reply(s, (int)code, status, reason);
}

void session_reset(struct session *s, bool forget_client)
{
	session_drop_body(s);
	memset(&s->transaction, 0, sizeof s->transaction);
	s->log.message = NO_STR;
	s->at = s->helo_length > 0 ? SMTP_AT_READY : SMTP_AT_START;
	if (!forget_client)
		return;
	s->at = SMTP_AT_START;
	s->helo_length = 0;
	s->esmtp = s->logged_in = false;
	s->login_length = 0;
	channel_close(&s->directory);
	channel_close(&s->queue);
}

err session_ask_directory(struct session *s)
{
	if (s->directory.fd >= 0)
		return OK;
	struct msg_client client = {
		.socket = s->caller->fd, .service = str_of(s->caller->kind->name), .session = str_of(s->session_name)
	};
	if (s->caller->is_proxied)
		client.proxied = str_from((const char *)s->caller->address.bytes, sizeof s->caller->address.bytes);
	TRY(session_open(s->caller->receiver->directory, PATIENCE_MS, s->desk, &s->directory));
	return msg_send_client(&s->directory, 0, &client);
}

err session_ask_queue(struct session *s)
{
	if (s->queue.fd >= 0)
		return OK;
	if (s->queue_desk == NULL)
		s->queue_desk = desk_take();
	return session_open(s->caller->receiver->queue, PATIENCE_MS, s->queue_desk, &s->queue);
}

void session_directory_lost(struct session *s, size_t answers)
{
	/* Whoever is asked next time knows nothing of this login. */
	bool was_logged_in = s->logged_in;
	channel_close(&s->directory);
	s->logged_in = false;
	session_reset(s, false);
	while (answers-- > 0)
		reply(s, was_logged_in ? 421 : 451, "4.3.0", "internal trouble, please try again later");
	s->over = s->over || was_logged_in;
}

/* RFC 5321 4.1.4: what the client should have said instead. */
static const char *what_is_first(const struct session *s, const struct smtp_verb_row *row)
{
	if (s->at == SMTP_AT_START)
		return "say hello first";
	if (s->at == SMTP_AT_READY)
		return "MAIL comes first";
	if ((row->states & SMTP_AT_READY) != 0)
		return "a message is under way: finish it, or say RSET";
	return s->at == SMTP_AT_BDAT ? "the message goes on with BDAT" : "RCPT comes first";
}

bool session_may_run(struct session *s, const struct smtp_verb_row *row)
{
	/* Who said HELO was not offered PIPELINING. */
	const bool ends_group = (row->traits & SMTP_ENDS_GROUP) != 0 || !s->esmtp;
	if (ends_group && io_waiting(s->io) > 0 && (row->traits & SMTP_CARRIES_DATA) == 0) {
		/* RFC 2920 3.1: a client that talks on without waiting is not one, or somebody else's text is in its stream. */
		LOG(&s->log, protocol_refused, F_ADDRESS("client", session_client(s)),
			F_TEXT("reason", S("commands behind one that has to be waited for")));
		reply(s, 554, "5.5.0", "you spoke out of turn");
		s->over = true;
	} else if (s->submission && s->tls_version == NULL && (row->traits & SMTP_BEFORE_TLS) == 0) {
		reply(s, 530, "5.7.0", "STARTTLS first");
	} else if ((row->states & s->at) == 0) {
		reply(s, 503, "5.5.1", what_is_first(s, row));
	} else {
		return true;
	}
	return false;
}

/* Of somebody who is no proxy of ours. The header of version 2 begins with an empty line. */
static bool is_proxy_header(struct session *s, str line)
{
	char room[12];
	struct buf start = BUF_ON(room);
	str more;
	if (s->helo_length > 0 || s->errors > 0)
		return false;
	if (line.n > 0 || io_waiting(s->io) == 0 || failed(io_bytes_some(s->io, sizeof room - 2, &more)))
		return str_starts(line, S("PROXY "));
	buf_add(&start, S("\r\n"));
	buf_add(&start, more);
	io_unread(s->io, more.n);
	return start.n > 4 && proxy_header_begins(buf_str(&start));
}

static void refuse_proxy(struct session *s)
{
	LOG(&s->log, protocol_refused, F_ADDRESS("client", session_client(s)),
		F_TEXT("reason", S("a header of the PROXY protocol from nobody in smtp.proxy_from")));
	reply(s, 554, "5.7.1", "you are no proxy that is known here");
	s->over = true;
}

static void run_line(struct session *s, str line)
{
	if (is_proxy_header(s, line)) {
		refuse_proxy(s);
		return;
	}
	struct smtp_command c;
	err e = smtp_command_parse(line, s->lmtp, &c);
	if (failed(e) || (c.verb != SMTP_VERB_MAIL && c.verb != SMTP_VERB_RCPT && c.verb != SMTP_VERB_DATA))
		session_settle(s);
	if (e.code == ERR_ABSENT) {
		reply(s, 500, "5.5.1", "no such command");
		IGNORE(io_flush(
			s->io)); /* RFC 2920 3.2: not to be held back; a client that has gone is found when it is read from */
	} else if (e.code == ERR_LIMIT)
		reply(s, 500, "5.5.2", "that line is too long");
	else if (failed(e) && c.row == NULL)
		reply(s, 500, "5.5.2", "that line holds what no command may hold");
	else if (failed(e))
		reply(s, 501, "5.5.4",
			c.row->argument == SMTP_ARGUMENT_NONE ? "that command takes nothing" : "something is missing");
	else if (c.verb == SMTP_VERB_BDAT || session_may_run(s, c.row))
		commands[c.verb](s, c.argument); /* BDAT looks itself: its chunk follows, whatever the answer is */
}

static void say_goodbye(struct session *s, err e)
{
	static const struct {
		int code;
		const char *enhanced, *text;
	} words[ERR_CODES] = {
		[ERR_TIMEOUT] = { 421, "4.4.2", "you were silent for too long" },
		[ERR_SYNTAX] = { 554, "5.5.2", "lines end in CR LF, and neither stands alone" },
		[ERR_LIMIT] = { 554, "5.5.2", "that line is far too long" },
	};
	if (words[e.code].text == NULL)
		return;
	LOG(&s->log, protocol_refused, F_ADDRESS("client", session_client(s)),
		F_TEXT("reason", str_of(words[e.code].text)));
	reply(s, words[e.code].code, words[e.code].enhanced, words[e.code].text);
}

static void serve(struct session *s)
{
	while (!s->over) {
		str line;
		if (io_waiting(s->io) == 0)
			session_settle(s);
		io_deadline(s->io, (int64_t)s->conf->smtp.command_timeout * 1000);
		err e = io_line(s->io, &line);
		if (failed(e)) {
			say_goodbye(s, e);
			return;
		}
		run_line(s, line);
		arena_reset(s->command);
	}
}

/* RFC 5321 4.3.1: the client waits for the greeting. One that does not is a robot. */
static bool talked_early(struct session *s)
{
	int wait = s->caller->kind->submission || s->lmtp ? 0 : (int)s->conf->smtp.greeting_delay * 1000;
	if (s->caller->kind->implicit_tls || s->caller->kind->local || !io_has_input(s->io, wait))
		return false;
	LOG(&s->log, protocol_refused, F_ADDRESS("client", session_client(s)),
		F_TEXT("reason", S("it spoke before the greeting")));
	reply(s, 554, "5.5.1", "you spoke before your turn");
	return true;
}

/* TLS from the first byte on. */
static bool start_implicit_tls(struct session *s)
{
	struct caller *c = s->caller;
	if (!c->kind->implicit_tls)
		return true;
	struct tls *tls = handshakes_accept(c->receiver->handshakes, c->fd);
	if (tls == NULL)
		return false;
	io_deadline(s->io, (int64_t)s->conf->tls.handshake_timeout * 1000);
	if (failed(io_start_layer(s->io, &tls_layer, tls))) {
		LOG(&s->log, tls_failed, F_ADDRESS("client", session_client(s)),
			F_TEXT("reason", str_of(tls_failure(tls))));
		s->unusable = true;
		return false;
	}
	s->tls_version = tls_version_name(tls);
	s->tls_cipher = tls_cipher_name(tls);
	return true;
}

static void greet_and_serve(struct session *s)
{
	if (!start_implicit_tls(s) || talked_early(s))
		return;
	io_putf(s->io, "220 %.*s %s\r\n", ARG(s->conf->server.hostname), s->lmtp ? "LMTP" : "ESMTP");
	serve(s);
}

static void name_session(struct session *s)
{
	uint64_t name = random_number();
	struct buf text = BUF_ON(s->session_name), client = BUF_ON(s->client);
	buf_hex(&text, &name, sizeof name);
	caller_write(&client, s->caller);
	s->client_length = client.n;
	s->log.session = str_from(s->session_name, text.n);
}

static void close_session(struct session *s)
{
	if (s->unusable)
		io_free(&s->io);
	else
		io_finish(&s->io, GOODBYE_MS);
	channel_close(&s->directory);
	channel_close(&s->queue);
	desk_give(&s->desk);
	desk_give(&s->queue_desk);
	arena_free(&s->group.arena);
}

void *receive_mail(void *to)
{
	struct caller *c = to;
	const int64_t since = clock_ms();
	struct arena *arena = arena_new("smtp session", SESSION_BUDGET);
	struct session *s = NEW(arena, struct session, 1);
	*s = (struct session){ .caller = c,
		.conf = c->receiver->service->conf,
		.arena = arena,
		.command = arena_new("smtp command", COMMAND_BUDGET),
		.desk = desk_take(),
		.directory.fd = -1,
		.queue.fd = -1,
		.log = c->receiver->service->log,
		.lmtp = c->kind->lmtp,
		.submission = c->kind->submission,
		.at = SMTP_AT_START };
	name_session(s);
	LOG(&s->log, connection_opened, F_ADDRESS("client", session_client(s)),
		F_TEXT("service", str_of(c->kind->name)));
	s->io = io_new(c->fd, INPUT_ROOM, OUTPUT_ROOM);
	io_ceiling(s->io, (int64_t)s->conf->smtp.session_max * 1000);
	greet_and_serve(s);
	LOG(&s->log, connection_closed, F_NUMBER("messages", s->messages), F_NUMBER("errors", s->errors),
		F_NUMBER("milliseconds", (uint64_t)(clock_ms() - since)));
	close_session(s);
	arena_free(&s->command);
	arena_free(&arena);
	caller_free(c);
	return NULL;
}
