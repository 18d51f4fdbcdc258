/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of session tickets (RFC 5077 4, RFC 8446 4.6.1). Servers that have the same keys take each other's tickets.
 * Any thread. */
#pragma once
#include "base/err.h"

#include <stdint.h>

enum { TLS_TICKET_NAME = 16, TLS_TICKET_SECRET = 32 };

struct tls_ticket_key {
	uint8_t name[TLS_TICKET_NAME], cipher[TLS_TICKET_SECRET], mac[TLS_TICKET_SECRET];
};

struct tls_tickets;

/* With a key that nobody else has. Never NULL; lives as long as the process. */
struct tls_tickets *tls_tickets_new(void);
/* New tickets are made with current; those of earlier (NULL: none) are still taken and replaced. What was there before is
 * wiped. */
void tls_tickets_set(struct tls_tickets *t, const struct tls_ticket_key *current, const struct tls_ticket_key *earlier);
