/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords by Argon2id (RFC 9106), in the usual text form: $argon2id$v=19$m=..,t=..,p=..$salt$hash. */
#pragma once
#include "base/buf.h"

/* What new passwords get: RFC 9106 4's second recommendation has three passes over 64 MiB in four lanes; half of that
 * memory in one lane takes about 40 ms of one core, so that two jobs at once carry a morning's logins. */
enum { ARGON_PASSES = 3, ARGON_KIB = 32 << 10, ARGON_LANES = 1, ARGON_SALT = 16, ARGON_HASH = 32 };

/* What is computed at all, wherever the text came from. */
enum {
	ARGON_PASSES_MAX = 10,
	ARGON_KIB_MAX = 128 << 10,
	ARGON_LANES_MAX = 4,
	ARGON_SALT_MAX = 64,
	ARGON_HASH_MAX = 64
};

/* Writes the text for a password with a new salt. ERR_MEMORY. */
err password_hash(str password, struct buf *out);

/* ERR_SYNTAX: not such a text; ERR_LIMIT: its parameters are beyond ours; then nothing was computed. ERR_MEMORY. */
err password_verify(str password, str text, bool *match);
