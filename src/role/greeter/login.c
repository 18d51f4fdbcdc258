/* SPDX-License-Identifier: Apache-2.0 */
/* LOGIN and AUTHENTICATE carry bytes between the client and `directory`, which runs the mechanism. */
#include "proto/imap/login.h"

#include "ipc/login.h"
#include "os/fd.h"
#include "role/greeter/session.h"

#define CONVERSATION "ipc/greeter_directory.def"
#include "ipc/conversation.h"

enum { RESPONSE_ROOM = 4096 };

/* The first questions stand in the channel when `directory` gets it: one wake-up instead of three. */
static err open_directory(struct session *s)
{
	struct visitor *v = s->visitor;
	struct msg_client client = {
		.socket = v->socket >= 0 ? v->socket : v->stream, .service = S("imap"), .session = str_of(v->session)
	};
	if (s->directory.fd >= 0)
		return OK;
	TRY(session_prepare(DIRECTORY_PATIENCE_MS, s->desk, &s->directory, &s->directory_end));
	return msg_send_client(&s->directory, 0, &client);
}

static err hand_over_channel(void *session)
{
	struct session *s = session;
	if (s->directory_end < 0)
		return OK;
	err e = session_submit(s->greeter->directory, s->desk, s->directory_end);
	fd_close(&s->directory_end);
	return e;
}

/* True: the client may send a password here; otherwise it has been answered. */
static bool may_log_in(struct session *s, str tag)
{
	if (s->visitor->encrypted || s->plain_allowed)
		return true;
	answer(s, tag, "NO", "[PRIVACYREQUIRED] use STARTTLS first"); /* RFC 5530 3 */
	s->errors++;
	return false;
}

void close_directory(struct session *s)
{
	channel_close(&s->directory);
	fd_close(&s->directory_end);
}

static void unavailable(struct session *s, str tag)
{
	close_directory(s);
	answer(s, tag, "NO", "[UNAVAILABLE] logins cannot be checked at the moment, please try again");
}

static void finish(struct session *s, str tag, const struct login_result *done)
{
	if (done->granted) {
		session_enter(s, tag, done->ticket);
		return;
	}
	/* RFC 5530 3: a client that is told AUTHENTICATIONFAILED asks its user for another password. */
	const char *code = done->temporary ? "UNAVAILABLE" : done->unknown ? "CANNOT" : "AUTHENTICATIONFAILED";
	io_putf(s->io, "%.*s NO [%s] %.*s\r\n", ARG(tag), code, ARG(done->reason));
	if (done->hang_up) {
		io_put(s->io, S("* BYE too many wrong logins\r\n"));
		s->ended = true;
	}
}

/* RFC 4616 2: authzid NUL authcid NUL passwd */
static bool write_plain(struct buf *to, const struct imap_login *login)
{
	if (str_find(login->name, '\0') != STR_NONE || str_find(login->password, '\0') != STR_NONE)
		return false;
	buf_byte(to, '\0');
	buf_add(to, login->name);
	buf_byte(to, '\0');
	buf_add(to, login->password);
	return !to->lost;
}

/* Everything is in the first response. */
static err no_exchange(void *session, str challenge, str *response)
{
	(void)session;
	(void)challenge;
	(void)response;
	return FAIL(SYNTAX);
}

/* RFC 3501 6.2.3 */
void command_login(struct session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_login login;
	struct login_result result;
	if (failed(imap_login_parse(&cur, s->command_arena, &login))) {
		answer_bad(s, c->tag, "LOGIN takes a name and a password");
		return;
	}
	if (!may_log_in(s, c->tag))
		return;
	struct buf plain = buf_in(s->command_arena, RESPONSE_ROOM);
	if (!write_plain(&plain, &login)) {
		answer(s, c->tag, "NO", "[AUTHENTICATIONFAILED] that cannot be a login");
		return;
	}
	const struct login_attempt attempt = {
		.mechanism = S("PLAIN"),
		.encrypted = s->visitor->encrypted,
		.initial = buf_str(&plain),
		.asked = hand_over_channel,
	};
	if (failed(open_directory(s)) ||
		failed(login_run(&s->directory, s->command_arena, &attempt, no_exchange, s, &result)))
		unavailable(s, c->tag);
	else
		finish(s, c->tag, &result);
}

/* Sends a challenge, reads the response; "*" gives up. */
static err exchange(void *session, str challenge, str *response)
{
	struct session *s = session;
	str line;
	io_putf(s->io, "+ %.*s\r\n", ARG(challenge));
	TRY(io_line(s->io, &line));
	return imap_authenticate_line(line, response);
}

/* RFC 3501 6.2.2, RFC 4959 3 */
void command_authenticate(struct session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_authenticate a;
	struct login_result result;
	const str tag = arena_copy(s->command_arena, c->tag); /* the lines that follow are read over it */
	if (failed(imap_authenticate_parse(&cur, &a))) {
		answer_bad(s, c->tag, "AUTHENTICATE takes a mechanism and perhaps a response");
		return;
	}
	if (!may_log_in(s, tag))
		return;
	struct login_attempt attempt = {
		.mechanism = a.mechanism, .encrypted = s->visitor->encrypted, .asked = hand_over_channel
	};
	if (a.has_response && failed(login_decode(s->command_arena, a.response, &attempt.initial))) {
		answer_bad(s, tag, "the response is not base64");
		return;
	}
	err e = open_directory(s);
	if (!failed(e))
		e = login_run(&s->directory, s->command_arena, &attempt, exchange, s, &result);
	if (e.code == ERR_STATE) {
		close_directory(s); /* which forgets the exchange that was begun */
		answer_bad(s, tag, "the exchange was broken off");
	} else if (failed(e)) {
		unavailable(s, tag);
	} else {
		finish(s, tag, &result);
	}
}
