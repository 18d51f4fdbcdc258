/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a message's bytes for FETCH and SEARCH. */
#pragma once
#include "role/mailbox/imap/session.h"

/* A message while it is read; between account_pin() and account_unpin(). */
struct content {
	int64_t id;
	uint32_t size, header_size;
};

/* The bytes from `at` to `end`, in the arena. ERR_ABSENT, ERR_MEMORY, and the store's failures. */
err content_load(struct imap_session *s, struct arena *a, const struct content *c, uint64_t at, uint64_t end, str *out);
/* Sends them as a literal. A failure of the store ends the session, for the client has been told how much comes. */
err content_send(struct imap_session *s, struct buf *room, const struct content *c, uint64_t at, uint64_t end);
