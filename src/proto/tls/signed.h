/* SPDX-License-Identifier: Apache-2.0 */
/* What the owner of a certificate signs in a handshake, in parts and as bytes. There are two such things: the
 * CertificateVerify of TLS 1.3 (RFC 8446 4.4.3) and the ServerKeyExchange of TLS 1.2 (RFC 8422 5.4). Whoever holds a key
 * makes the bytes from the parts, and so signs nothing else. */
#pragma once
#include "base/buf.h"

enum {
	TLS_RANDOM = 32,
	TLS_TRANSCRIPT_MAX = 48,
	TLS_POINT_MAX = 97,
	TLS_SIGNED_MAX = 2 * TLS_RANDOM + 4 + TLS_POINT_MAX,
	TLS_SIGNATURE_MAX = 1024, /* RSA with 8192 bits */
};

enum tls_signed_kind { TLS_CERTIFICATE_VERIFY, TLS_SERVER_KEY_EXCHANGE };

/* Strings are views. */
struct tls_signed {
	enum tls_signed_kind kind;
	uint16_t scheme; /* a number of schemes.def */
	/* TLS_CERTIFICATE_VERIFY */
	bool by_client;
	str transcript; /* its hash: 32 or 48 bytes */
	/* TLS_SERVER_KEY_EXCHANGE */
	str client_random, server_random;
	uint16_t curve; /* a number of curves.def */
	str point;
};

enum tls_key { TLS_KEY_RSA, TLS_KEY_P256, TLS_KEY_P384, TLS_KEY_ED25519 };
enum tls_hash { TLS_HASH_NO, TLS_HASH_SHA256, TLS_HASH_SHA384, TLS_HASH_SHA512 };
enum tls_padding { TLS_PADDING_NO, TLS_PADDING_PKCS1, TLS_PADDING_PSS };

struct tls_scheme {
	const char *name;
	uint16_t number;
	enum tls_key key;
	enum tls_hash hash;
	enum tls_padding padding;
	bool in_1_2, in_1_3;
};

/* NULL: none that we make. */
const struct tls_scheme *tls_scheme_of(uint16_t number);
/* The scheme by which such a key signs with that hash and padding. NULL: there is none. For the keys on curves the hash
 * alone decides. */
const struct tls_scheme *tls_scheme_find(enum tls_key key, enum tls_hash hash, enum tls_padding padding);

/* Whether the parts are possible: lengths, curve, form of the point, a scheme of that version, and a key of the kind that
 * the scheme is for. ERR_SYNTAX, ERR_LIMIT (a length), ERR_UNSUPPORTED (a scheme, a curve). */
err tls_signed_check(const struct tls_signed *s, enum tls_key key);
/* The bytes. As tls_signed_check(); ERR_LIMIT: no room (TLS_SIGNED_MAX are enough). */
err tls_signed_write(const struct tls_signed *s, enum tls_key key, struct buf *out);
/* Back into parts, which are views of the bytes. ERR_SYNTAX: neither of the two things, exactly; and as
 * tls_signed_check(). */
err tls_signed_parse(str bytes, uint16_t scheme, enum tls_key key, struct tls_signed *out);
