/* SPDX-License-Identifier: Apache-2.0 */
/* What the administrator said of the way to a domain. */
#pragma once
#include "base/address.h"
#include "trust/security.h"

struct sender;

struct route {
	str name; /* the domain, or "*" */
	str host; /* empty: what the DNS says */
	uint16_t port;
	bool lmtp;
	enum security_setting tls;
	bool is_floor; /* tls is the least that is demanded: what the domain's own policies demand holds beside it */
	str auth;      /* the name of its login; empty: it needs none */
	str login, password; /* empty: route-logins does not have it */
	str helo;
	struct address bind;
	bool has_bind;
};

/* "encrypt"; empty: nothing is said. Static memory. */
const char *route_tls_word(const struct route *r);
/* Reads the routes of the configuration; what is wrong with one is said in an alarm. */
void routes_init(struct sender *s);
/* Is it for this domain alone, and does it name a host? False for NULL. */
bool route_is_own(const struct route *r, str domain);
/* Is what the domain's own policies say of TLS of no account? Accepts NULL. */
bool route_decides_tls(const struct route *r);
/* The route for that domain, or the one for "*", or NULL. */
const struct route *route_find(const struct sender *s, str domain);
/* Logins for routes, a line each: NAME LOGIN PASSWORD. */
void routes_logins(struct sender *s, str text);
/* An alarm for each route whose login is missing. */
void routes_check_logins(const struct sender *s);
