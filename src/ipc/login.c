/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/login.h"

#include "base/base64.h"

/* receiver_directory.def shares its logins. */
#define CONVERSATION "ipc/greeter_directory.def"
#include "ipc/conversation.h"

enum { RESPONSE_MAX = 4096, CHALLENGE_MAX = 4096 }; /* as auth.inc has them */

err login_decode(struct arena *a, str text, str *out)
{
	struct buf decoded = buf_in(a, RESPONSE_MAX);
	TRY(base64_decode(&decoded, text));
	*out = buf_str(&decoded);
	return OK;
}

static err exchange(str challenge, struct arena *a, login_client_fn *client, void *session, str *out)
{
	char room[CHALLENGE_MAX / 3 * 4 + 4];
	struct buf text = BUF_ON(room);
	str response;
	base64_encode(&text, challenge);
	if (failed(client(session, buf_str(&text), &response)) || failed(login_decode(a, response, out)))
		return FAIL(STATE);
	return OK;
}

static err take_result(struct frame *f, struct login_result *out)
{
	struct msg_auth_done done;
	TRY(msg_get_auth_done(f, &done));
	*out = (struct login_result){
		.granted = done.granted,
		.temporary = done.temporary,
		.hang_up = done.hang_up,
		.unknown = done.unknown,
		.login = done.login,
		.ticket = done.ticket,
		.reason = done.reason,
	};
	return OK;
}

err login_run(struct channel *directory, struct arena *a, const struct login_attempt *attempt, login_client_fn *client,
	void *session, struct login_result *out)
{
	const struct msg_auth_start start = {
		.mechanism = attempt->mechanism,
		.encrypted = attempt->encrypted,
		.has_initial = attempt->initial.p != NULL,
		.initial = attempt->initial,
	};
	TRY(msg_send_auth_start(directory, 0, &start));
	if (attempt->asked != NULL)
		TRY(attempt->asked(session));
	for (;;) {
		struct msg_auth_challenge challenge;
		struct msg_auth_response response;
		TRY(channel_receive(directory));
		if (directory->in->number == MSG_auth_done)
			return take_result(directory->in, out);
		if (directory->in->number != MSG_auth_challenge) {
			frame_drop(directory->in);
			return FAIL(SYNTAX);
		}
		TRY(msg_get_auth_challenge(directory->in, &challenge));
		TRY(exchange(challenge.challenge, a, client, session, &response.response));
		TRY(msg_send_auth_response(directory, 0, &response));
	}
}
