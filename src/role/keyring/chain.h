/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate with those that lead to a root: whether it will do, and what is to be said of it. */
#pragma once
#include "base/openssl.h"

#include "base/buf.h"

enum { CHAIN_MAX = 24576, CHAIN_CERTIFICATES_MAX = 10 };

/* Whether all of this holds: PEM and nothing but certificates; the first one is for the key and for the host name; each is
 * signed by the one behind it; all are valid now. ERR_SYNTAX, ERR_LIMIT (too many), ERR_DENIED (the rest); reason: one
 * sentence. hostname NULL: not asked. */
err chain_check(str pem, EVP_PKEY *key, const char *hostname, struct buf *reason);
/* Whether the first one is for the key: what must hold for the two to be used at all. */
bool chain_fits_key(str pem, EVP_PKEY *key);

struct chain_facts {
	int64_t days_left;    /* negative: it has expired */
	char expires[24];     /* RFC 3339 */
	char issuer[200];     /* common name, or the whole name */
	char hosts[400];      /* names that it is for, separated by blanks; those that do not fit are left out */
	char fingerprint[65]; /* SHA-256, hexadecimal */
	bool signed_by_itself;
};
/* Of the first one. ERR_SYNTAX. */
err chain_look(str pem, struct chain_facts *out);
