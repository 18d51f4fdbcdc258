/* SPDX-License-Identifier: Apache-2.0 */
/* AUTH (RFC 4954): the bytes go to `directory`, which runs the mechanism. */
#include "base/base64.h"
#include "role/receiver/session.h"

enum { RESPONSE_ROOM = 4096 };

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

/* RFC 4954 4: "334 " and the challenge; then a line, "*" to give up. ERR_STATE: it has been answered. */
static err exchange(struct session *s, str challenge, str *response)
{
	char room[6000];
	struct buf text = BUF_ON(room);
	str line;
	base64_encode(&text, challenge);
	io_putf(s->io, "334 %.*s\r\n", ARG(buf_str(&text)));
	io_deadline(s->io, (int64_t)s->conf->smtp.command_timeout * 1000);
	err e = io_line(s->io, &line);
	if (failed(e)) {
		s->over = true;
		return FAIL(STATE);
	}
	struct buf decoded = buf_in(s->command, RESPONSE_ROOM);
	if (str_eq(line, S("*")) || failed(base64_decode(&decoded, line))) {
		reply(s, 501, "5.5.2", "the exchange was broken off");
		return FAIL(STATE);
	}
	*response = buf_str(&decoded);
	return OK;
}

static err converse(struct session *s, struct msg_auth_done *done)
{
	for (;;) {
		struct msg_auth_challenge challenge;
		struct msg_auth_response response = { .response = NO_STR };
		TRY(channel_receive(&s->directory));
		if (s->directory.in->number == MSG_auth_done)
			return msg_get_auth_done(s->directory.in, done);
		if (s->directory.in->number != MSG_auth_challenge) {
			frame_drop(s->directory.in);
			return FAIL(SYNTAX);
		}
		TRY(msg_get_auth_challenge(s->directory.in, &challenge));
		TRY(exchange(s, challenge.challenge, &response.response));
		TRY(msg_send_auth_response(&s->directory, 0, &response));
	}
}

static void finish(struct session *s, const struct msg_auth_done *done)
{
	if (done->granted) {
		s->logged_in = true;
		s->login_length = done->login.n < sizeof s->login ? done->login.n : sizeof s->login;
		memcpy(s->login, done->login.p, s->login_length);
		reply(s, 235, "2.7.0", "welcome");
		return;
	}
	if (done->temporary)
		reply(s, 454, "4.7.0", "logins cannot be checked at the moment, please try again");
	else
		replyf(s, 535, "5.7.8", "%.*s", ARG(done->reason));
	if (done->hang_up && !s->over) {
		io_put(s->io, S("421 4.7.0 too many wrong logins\r\n"));
		s->over = true;
	}
}

void command_auth(struct session *s, str argument)
{
	struct msg_auth_start start = { .encrypted = true };
	struct msg_auth_done done;
	str initial;
	if (!may_log_in(s))
		return;
	if (failed(smtp_auth_parse(argument, &start.mechanism, &initial)) || start.mechanism.n > 32) {
		reply(s, 501, "5.5.4", "AUTH takes a mechanism and perhaps a response");
		return;
	}
	struct buf decoded = buf_in(s->command, RESPONSE_ROOM);
	start.has_initial = initial.p != NULL;
	if (start.has_initial && failed(base64_decode(&decoded, initial))) {
		reply(s, 501, "5.5.2", "the response is not base64");
		return;
	}
	start.initial = buf_str(&decoded);
	err e = session_ask_directory(s);
	if (!failed(e))
		e = msg_send_auth_start(&s->directory, 0, &start);
	if (!failed(e))
		e = converse(s, &done);
	if (e.code == ERR_STATE)
		channel_close(&s->directory); /* which forgets the exchange that was begun */
	else if (failed(e))
		session_directory_lost(s, 1);
	else
		finish(s, &done);
}
