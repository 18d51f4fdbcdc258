/* SPDX-License-Identifier: Apache-2.0 */
/* ENABLE (RFC 5161 3.1): names of extensions. Those that are not known are ignored by the server, not refused. */
#pragma once
#include "base/arena.h"
#include "base/cur.h"

enum { IMAP_ENABLE_MAX = 32 };

struct imap_enable {
	const str *names; /* as written; compare without case */
	size_t count;     /* at least 1 */
};

err imap_enable_parse(struct cur *c, struct arena *a, struct imap_enable *out);
