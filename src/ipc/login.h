/* SPDX-License-Identifier: Apache-2.0 */
/* A login as the process sees it that holds the connection: `directory` runs the mechanism (RFC 4422), the process carries
 * the bytes between it and the client (auth.inc). How a challenge and a response look is the protocol's affair. */
#pragma once
#include "base/arena.h"
#include "ipc/channel.h"

struct login_attempt {
	str mechanism; /* at most 32 bytes */
	bool encrypted;
	str initial; /* the response that came with the command, decoded; absent: none came */
	/* Called with the session when the first question stands in the channel: for who sends the far end only then. May be
	 * NULL. */
	err (*asked)(void *session);
};

/* The texts are views of the channel's frame. */
struct login_result {
	bool granted, temporary, hang_up;
	bool unknown; /* there is no such mechanism */
	str login, ticket, reason;
};

/* Shows the client a challenge and takes his response, both in base 64; the response may be a view until the next call. Any
 * failure: he gave up, or is gone. */
typedef err login_client_fn(void *session, str challenge, str *response);

/* A response from base 64. ERR_SYNTAX: it is none; ERR_LIMIT: longer than any mechanism needs. */
err login_decode(struct arena *a, str text, str *out);

/* Until `directory` has decided, over a thread's channel that has said `client` already. The arena is for responses.
 * ERR_STATE: the client broke the exchange off, by a failure of client() or with what is not base 64; the channel must then
 * be closed. Anything else: `directory` did not answer, or not as declared. */
err login_run(struct channel *directory, struct arena *a, const struct login_attempt *attempt, login_client_fn *client,
	void *session, struct login_result *out);
