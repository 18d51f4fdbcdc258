/* SPDX-License-Identifier: Apache-2.0 */
/* The trace field that every hop adds. RFC 5321 4.4. */
#pragma once
#include "base/buf.h"

enum smtp_with {
	SMTP_WITH_LMTP = 1 << 0,
	SMTP_WITH_ESMTP = 1 << 1, /* EHLO, not HELO */
	SMTP_WITH_TLS = 1 << 2,
	SMTP_WITH_AUTH = 1 << 3,
	SMTP_WITH_UTF8 = 1 << 4, /* the transaction has SMTPUTF8 */
};

/* What goes into it; an empty str is left out, except the first and the date. There is an address, a name, or both. */
struct smtp_received {
	str helo;      /* as the client said; anything but a name or a literal is made harmless */
	str address;   /* the client's: "192.0.2.1", "2001:db8::1"; empty: there is none, it is local */
	str name;      /* what the address resolves to, verified; or the local user, "uid 1000" */
	str by;        /* our name */
	unsigned with; /* enum smtp_with */
	str tls;       /* "TLS1.3 TLS_AES_256_GCM_SHA384" */
	str id;        /* ours */
	str recipient; /* only when there is one: others must not learn of Bcc (RFC 5321 7.2) */
	str date;      /* RFC 5322 3.3 */
};

enum { SMTP_RECEIVED_MAX = 2048 };

/* Writes the whole field with its CRLF, no line longer than 998 octets. */
void smtp_received_write(struct buf *b, const struct smtp_received *r);

/* "ESMTPSA" and the others of RFC 3848 and RFC 6531 4.3. */
str smtp_with_name(unsigned with);
