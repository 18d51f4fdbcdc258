/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets: what `directory` vouched for. Each is good for a minute, and once. */
#pragma once
#include "base/str.h"

enum { TICKET_BYTES = 16, TICKETS_MAX = 4096, TICKET_LIFE_MS = 60000 };

struct ticket {
	uint8_t name[TICKET_BYTES];
	int64_t until; /* clock_ms(); 0: free */
	uint64_t account;
	char login[254], session[32];
	size_t login_length, session_length;
};

struct tickets {
	struct ticket of[TICKETS_MAX]; /* a ring: the oldest is overwritten */
	size_t next;
};

/* ERR_SYNTAX: not a ticket of ours by its lengths. */
err ticket_add(struct tickets *t, str name, uint64_t account, str login, str session, int64_t now);
/* Finds and cancels it. NULL: nobody vouched for it, or it is too old. The result lasts until the next ticket_add(). */
const struct ticket *ticket_take(struct tickets *t, str name, int64_t now);
/* Cancels all of an account's. */
void tickets_drop(struct tickets *t, uint64_t account);
