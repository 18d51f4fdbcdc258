/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of the envelope. RFC 5321 4.1.2, with the UTF-8 of RFC 6531 3.3. */
#pragma once
#include "base/buf.h"
#include "base/cur.h"

/* RFC 5321 4.5.3.1, in octets; a path counts its angle brackets and the route. */
enum { SMTP_LOCAL_MAX = 64, SMTP_DOMAIN_MAX = 255, SMTP_PATH_MAX = 256, SMTP_LABEL_MAX = 63 };

enum smtp_path_kind {
	SMTP_REVERSE_PATH, /* MAIL: may be <> */
	SMTP_FORWARD_PATH, /* RCPT: may be <Postmaster>, RFC 5321 4.1.1.3 */
};

enum smtp_path_trait {
	SMTP_PATH_QUOTED = 1 << 0,  /* the local part is a quoted string */
	SMTP_PATH_LITERAL = 1 << 1, /* the domain is an address literal */
	SMTP_PATH_UTF8 = 1 << 2,    /* something is not ASCII: only with SMTPUTF8 */
};

/* Views of the text that was parsed. The null path and <Postmaster> have no domain (n == 0). */
struct smtp_path {
	str local;  /* as written, with its quotes */
	str domain; /* as written, a literal with its brackets */
	str route;  /* "@a,@b" of a source route, else empty. RFC 5321 C: ignore it, or refuse; never follow it */
	unsigned traits;
};

/* The whole text is one path in angle brackets. ERR_SYNTAX; ERR_LIMIT: a part is too long. */
err smtp_path_parse(str text, enum smtp_path_kind kind, struct smtp_path *out);
/* The same as one step of a larger rule; c->expected tells a person what is wrong. */
struct smtp_path smtp_path_read(struct cur *c, enum smtp_path_kind kind);
/* The whole text is local@domain without brackets, as in settings and commands. */
err smtp_mailbox_parse(str text, struct smtp_path *out);
/* The whole text is a domain: LDH or U-labels between dots, no dot at the end. ERR_SYNTAX, ERR_LIMIT. */
err smtp_domain_parse(str text);
/* The whole text is "[192.0.2.1]" or "[IPv6:2001:db8::1]". A General-address-literal has no meaning to anybody yet and
 * is refused. */
err smtp_literal_parse(str text);

static inline bool smtp_path_is_null(const struct smtp_path *p) { return p->local.n == 0 && p->domain.n == 0; }

/* The local part without quotes and backslashes. It may then hold anything printable, blanks and @ too. */
void smtp_local_plain(const struct smtp_path *p, struct buf *b);
/* The one spelling of all equal addresses: local part quoted only if it must be, domain in lower case (ASCII). The local
 * part keeps its case: whether that matters is for its own domain to say (RFC 5321 2.4). Nothing for the null path. */
void smtp_path_canonical(const struct smtp_path *p, struct buf *b);
bool smtp_path_eq(const struct smtp_path *a, const struct smtp_path *b);

/* Whether the local part asks for relaying: user%host, host!user, "user@host", quoted or not. Such a local part is no
 * address of ours; to pass it on could make some other machine an open relay. */
bool smtp_local_has_route(const struct smtp_path *p);
