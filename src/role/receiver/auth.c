/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH (RFC 4954): the bytes go to `directory`, which runs the mechanism. */
#include "ipc/login.h"
#include "role/receiver/session.h"

static bool may_log_in(struct session *s)
{
	if (!s->submission)
		reply(s, 502, "5.5.1", "there are no logins on this port");
	else if (s->tls_version == NULL)
		reply(s, 530, "5.7.0", "STARTTLS first");
	else if (s->logged_in)
		reply(s, 503, "5.5.1", "you are logged in already");
	else
		return true;
	return false;
}

/* RFC 4954 4: "334 " and the challenge; then a line, "*" to give up. */
static err exchange(void *session, str challenge, str *response)
{
	struct session *s = session;
	io_putf(s->io, "334 %.*s\r\n", ARG(challenge));
	io_deadline(s->io, (int64_t)s->conf->smtp.command_timeout * 1000);
	err e = io_line(s->io, response);
	s->over = s->over || failed(e);
	return e; /* "*" is not base 64 */
}

static void finish(struct session *s, const struct login_result *result)
{
	if (result->granted) {
		s->logged_in = true;
		s->login_length = result->login.n < sizeof s->login ? result->login.n : sizeof s->login;
		memcpy(s->login, result->login.p, s->login_length);
		reply(s, 235, "2.7.0", "welcome");
		return;
	}
	if (result->temporary)
		reply(s, 454, "4.7.0", "logins cannot be checked at the moment, please try again");
	else if (result->unknown) /* RFC 4954 4 */
		replyf(s, 504, "5.5.4", "%.*s", ARG(result->reason));
	else
		replyf(s, 535, "5.7.8", "%.*s", ARG(result->reason));
	if (result->hang_up && !s->over) {
		io_put(s->io, S("421 4.7.0 too many wrong logins\r\n"));
		s->over = true;
	}
}

static void broken_off(struct session *s)
{
	channel_close(&s->directory); /* which forgets the exchange that was begun */
	if (!s->over)
		reply(s, 501, "5.5.2", "the exchange was broken off");
}

void command_auth(struct session *s, str argument)
{
	struct login_attempt attempt = { .encrypted = true };
	struct login_result result;
	str initial;
	if (!may_log_in(s))
		return;
	if (failed(smtp_auth_parse(argument, &attempt.mechanism, &initial)) || attempt.mechanism.n > 32) {
		reply(s, 501, "5.5.4", "AUTH takes a mechanism and perhaps a response");
		return;
	}
	if (initial.p != NULL && failed(login_decode(s->command, initial, &attempt.initial))) {
		reply(s, 501, "5.5.2", "the response is not base64");
		return;
	}
	err e = session_ask_directory(s);
	if (!failed(e))
		e = login_run(&s->directory, s->command, &attempt, exchange, s, &result);
	if (e.code == ERR_STATE)
		broken_off(s);
	else if (failed(e))
		session_directory_lost(s, 1);
	else
		finish(s, &result);
}
