/* SPDX-License-Identifier: Apache-2.0 */
/* One command line of SMTP, submission or LMTP; what there is stands in commands.def. */
#pragma once
#include "proto/smtp/parameter.h"

/* Without CRLF. 512 of RFC 5321 4.5.3.1.4, what the parameters of our extensions add, and an AUTH with the longest name and
 * password that we take; the 12288 of RFC 4954 4 are for mechanisms with tickets, which we do not offer. */
enum { SMTP_COMMAND_MAX = 4096 };

enum smtp_verb {
#define VERB(name, argument, states, traits, source) SMTP_VERB_##name,
#include "proto/smtp/commands.def"
#undef VERB
	SMTP_VERBS
};

/* Where a session stands. START: not greeted; READY: greeted, no transaction; MAIL: a sender; RCPT: and a recipient;
 * BDAT: a first chunk, and not the last. */
enum smtp_state {
	SMTP_AT_START = 1 << 0,
	SMTP_AT_READY = 1 << 1,
	SMTP_AT_MAIL = 1 << 2,
	SMTP_AT_RCPT = 1 << 3,
	SMTP_AT_BDAT = 1 << 4,
	SMTP_AT_ANY = (1 << 5) - 1,
};

enum smtp_argument { SMTP_ARGUMENT_NONE, SMTP_ARGUMENT_MAY, SMTP_ARGUMENT_MUST };

enum smtp_trait {
	SMTP_ENDS_GROUP = 1 << 0,
	SMTP_BEFORE_TLS = 1 << 1,
	SMTP_SMTP_ONLY = 1 << 2,
	SMTP_LMTP_ONLY = 1 << 3,
	SMTP_CARRIES_DATA = 1 << 4,
};

struct smtp_verb_row {
	str name;
	enum smtp_argument argument;
	unsigned states, traits; /* enum smtp_state, enum smtp_trait */
	str source;
};
extern const struct smtp_verb_row smtp_verbs[SMTP_VERBS];

struct smtp_command {
	enum smtp_verb verb;
	const struct smtp_verb_row *row;
	str argument; /* without blanks around it; may be empty */
};

/* Finds the verb and checks that an argument is there or not, as its row says. States and traits are for the session.
 *   ERR_ABSENT  no such verb in this protocol: 500 5.5.1
 *   ERR_SYNTAX  control characters or bad UTF-8 (500 5.5.2), or an argument too many or too few (501 5.5.4); out->row is
 *               then NULL in the first case and set in the second
 *   ERR_LIMIT   longer than SMTP_COMMAND_MAX: 500 5.5.2 */
err smtp_command_parse(str line, bool lmtp, struct smtp_command *out);

/* "FROM:<path> parameters", "TO:<path> parameters". Blanks behind the colon are let pass: RFC 5321 3.3 forbids them, but
 * printers and scanners send them, and no two readings arise. Errors as of the two parts; culprit is the part of the
 * argument that is wrong, expected (static text or NULL) what should stand there. */
struct smtp_fault {
	str culprit;
	const char *expected;
};
struct smtp_envelope_argument {
	struct smtp_path path;
	struct smtp_parameters parameters;
};
err smtp_mail_parse(str argument, struct arena *a, struct smtp_envelope_argument *out, struct smtp_fault *fault);
err smtp_rcpt_parse(str argument, struct arena *a, struct smtp_envelope_argument *out, struct smtp_fault *fault);

/* What a client says it is, RFC 5321 4.1.4. ODD is printable ASCII without blanks and angle brackets that is no name:
 * underscores and the like come from machines that nobody can repair; it is never looked up. */
enum smtp_helo_kind { SMTP_HELO_DOMAIN, SMTP_HELO_LITERAL, SMTP_HELO_ODD };
err smtp_helo_parse(str argument, enum smtp_helo_kind *out);

/* "mechanism [initial-response]", RFC 4954 4. initial: NO_STR when absent; "=" stands for an empty one and becomes "". */
err smtp_auth_parse(str argument, str *mechanism, str *initial);
