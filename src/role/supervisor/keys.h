/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor reads from keys/ and passes on to those who may have it. */
#pragma once
#include "base/buf.h"
#include "role/supervisor/folders.h"

enum { KEY_MAX = 32768, CERTIFICATES_MAX = 24576 };

struct keys {
	str tls_key, tls_certificates; /* PEM; absent in a set that was read without them */
};

/* with_tls: tls.key and tls.crt are needed too. Strings live in the arena, which wipes them. reason: one sentence. */
err keys_read(const struct folders *f, bool with_tls, struct arena *a, struct keys *out, struct buf *reason);
