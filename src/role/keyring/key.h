/* SPDX-License-Identifier: Apache-2.0 */
/* A private key and what it signs. */
#pragma once
#include "base/openssl.h"

#include "proto/tls/signed.h"

enum purpose {
#define PURPOSE(purpose, files, askers) PURPOSE_##purpose,
#include "role/keyring/purposes.def"
#undef PURPOSE
	PURPOSES
};

/* The beginning of its files' names: "tls". */
const char *purpose_files(enum purpose p);
/* Whether processes of that role ("receiver") may have signatures. */
bool purpose_serves(enum purpose p, str role);

/* From PEM, without a pass phrase. ERR_SYNTAX: not that; ERR_UNSUPPORTED: not RSA with 2048 to 8192 bits, ECDSA on P-256 or
 * P-384, or Ed25519. *out is freed by EVP_PKEY_free(), which wipes it. */
err key_read(str pem, EVP_PKEY **out, enum tls_key *kind);
/* "RSA 2048", "ECDSA P-256": static memory or the room's. */
void key_describe(EVP_PKEY *key, enum tls_key kind, struct buf *out);

/* Makes the bytes from the parts and signs them. ERR_DENIED: not for a key of that purpose; ERR_UNSUPPORTED, ERR_LIMIT,
 * ERR_SYNTAX: tls_signed_check() refuses; ERR_SYSTEM: the library failed. */
err key_sign(EVP_PKEY *key, enum tls_key kind, enum purpose p, const struct tls_signed *what, struct buf *signature);
