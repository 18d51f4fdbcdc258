/* SPDX-License-Identifier: Apache-2.0 */
/* LOGIN and AUTHENTICATE (RFC 3501 6.2.2 and 6.2.3, RFC 4959 3). The results are secrets: keep them in the arena of the
 * command, which wipes them. */
#pragma once
#include "base/arena.h"
#include "base/cur.h"

enum {
	IMAP_LOGIN_MAX = 512,     /* bytes of a login name */
	IMAP_PASSWORD_MAX = 1024, /* bytes of a password */
	IMAP_MECHANISM_MAX = 20,  /* RFC 4422 3.1 */
	IMAP_RESPONSE_MAX = 8192, /* base64 characters of one SASL response */
};

struct imap_login {
	str name, password; /* UTF-8 without control characters is for the directory to check */
};
err imap_login_parse(struct cur *c, struct arena *a, struct imap_login *out);

struct imap_authenticate {
	str mechanism; /* as written; compare without case */
	bool has_response;
	str response; /* base64, well-formed by its characters and length; empty where "=" stood */
};
err imap_authenticate_parse(struct cur *c, struct imap_authenticate *out);

/* A line in the course of AUTHENTICATE, without its CRLF. *out is base64 as above, a view of the line.
 * ERR_CLOSED: the client sent "*" and gives up (RFC 3501 6.2.2: the answer is BAD). */
err imap_authenticate_line(str line, str *out);
