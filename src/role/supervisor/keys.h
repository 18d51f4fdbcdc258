/* SPDX-License-Identifier: Apache-2.0 */
/* The folder of the keys as it is seen from outside: the supervisor reads no key, it only sees whether `keyring` will find
 * one, and whether others could read it. */
#pragma once
#include "base/buf.h"
#include "role/supervisor/folders.h"

enum { CERTIFICATES_MAX = 24576 };

/* Whether the server's own key and certificate are there, the key belonging to that user and open to nobody else. ERR_ABSENT,
 * ERR_DENIED; reason: one sentence. */
err keys_check(int folder, const struct user *owner, struct buf *reason);
/* The certificates that the server shows, in PEM; the string lives in the arena. As folder_read(). */
err keys_certificates(const struct folders *f, struct arena *a, str *out, struct buf *reason);
