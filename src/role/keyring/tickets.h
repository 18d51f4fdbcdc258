/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of session tickets, of two periods. They are made here, live in memory only, and each family of processes has
 * its own: tickets of `frontdoor` are nothing to a `receiver`. */
#pragma once
#include "base/buf.h"

enum { TICKET_NAME = 16, TICKET_SECRET = 32 };

struct ticket_key {
	uint8_t name[TICKET_NAME], cipher[TICKET_SECRET], mac[TICKET_SECRET];
};

struct tickets {
	uint8_t current[TICKET_SECRET], earlier[TICKET_SECRET]; /* from which the families' keys are derived */
	bool has_earlier;
};

/* A new period begins: what was current becomes earlier, what was earlier is gone. */
void tickets_rotate(struct tickets *t);
/* The keys of a family ("frontdoor", "receiver-smtp"). earlier is written only if there is one: true. ERR_SYSTEM: the
 * library failed. */
err tickets_derive(const struct tickets *t, str family, struct ticket_key *current, struct ticket_key *earlier);
