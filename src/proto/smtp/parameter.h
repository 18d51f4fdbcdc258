/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters behind the path of MAIL and RCPT; which there are stands in parameter.def. RFC 5321 4.1.2. */
#pragma once
#include "base/arena.h"
#include "proto/smtp/path.h"

enum smtp_parameter {
#define PARAMETER(name, command, source) SMTP_PARAMETER_##name,
#include "proto/smtp/parameter.def"
#undef PARAMETER
	SMTP_PARAMETERS
};

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME };
enum smtp_return { SMTP_RETURN_UNSAID, SMTP_RETURN_FULL, SMTP_RETURN_HEADERS };
enum smtp_notify { SMTP_NOTIFY_NEVER = 1, SMTP_NOTIFY_SUCCESS = 2, SMTP_NOTIFY_FAILURE = 4, SMTP_NOTIFY_DELAY = 8 };

enum { SMTP_ENVID_MAX = 100, SMTP_ORCPT_MAX = 500 }; /* RFC 3461 4.4, 4.2; before decoding */

struct smtp_parameters {
	unsigned given; /* 1 << SMTP_PARAMETER_...: what stood there */
	uint64_t size;
	enum smtp_body body;
	enum smtp_return ret;
	str envid; /* decoded, printable ASCII */
	str auth;  /* decoded; empty for AUTH=<>: the sender is not known (RFC 4954 5) */
	unsigned notify;
	str orcpt_type, orcpt; /* "rfc822" and the decoded address */
};

static inline bool smtp_has(const struct smtp_parameters *p, enum smtp_parameter which)
{
	return (p->given & 1u << which) != 0;
}

enum smtp_command_kind { SMTP_FOR_MAIL, SMTP_FOR_RCPT };

/* Reads " KEY=VALUE KEY ..." (or nothing). Decoded values live in the arena, others are views of the text.
 *   ERR_UNSUPPORTED  no such parameter (for this command): 555 5.5.4
 *   ERR_EXISTS       given twice: 501 5.5.4
 *   ERR_SYNTAX       a value is wrong: 501 5.5.4
 *   ERR_LIMIT        a value is too long or too large: 501 5.5.4, for SIZE 552 5.3.4
 * culprit is then the parameter's name as written; it may be empty. */
err smtp_parameters_parse(
	str text, enum smtp_command_kind kind, struct arena *a, struct smtp_parameters *out, str *culprit);

/* xtext, RFC 3461 4. ERR_SYNTAX; ERR_MEMORY: the arena is spent. */
err smtp_xtext_decode(struct arena *a, str text, str *out);
void smtp_xtext_encode(struct buf *b, str bytes);
