/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate of an installation: a first one, signed by itself, and what can be said about the present one. */
#pragma once
#include "base/buf.h"
#include "role/supervisor/users.h"

/* Writes tls.key (0600) and tls.crt (0644), both of that owner, into the folder: ECDSA on P-256, two years. ERR_EXISTS: one
 * of them is there; ERR_SYSTEM. reason says why. */
err certificate_make(int folder, const struct user *owner, const char *hostname, struct buf *reason);

struct certificate_facts {
	bool fits_host;
	bool signed_by_itself;
	int64_t days_left; /* negative: it has expired */
};
/* ERR_SYNTAX: not a certificate in PEM. */
err certificate_look(str pem, const char *hostname, struct certificate_facts *out);
