/* SPDX-License-Identifier: Apache-2.0 */
/* A command that is accepted has no control characters, a row, and an argument where its row wants one; what MAIL and
 * RCPT take apart are views of their argument. */
#include "fuzz.h"
#include "proto/smtp/bdat.h"
#include "proto/smtp/command.h"

#include <stdlib.h>

static void check_within(str part, str whole)
{
	if (part.n > 0 && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
		abort();
}

static void run_envelope(const struct smtp_command *c)
{
	struct arena *a = arena_new("fuzz", 8192);
	struct smtp_envelope_argument e;
	struct smtp_fault fault = { NO_STR, NULL };
	err parsed = c->verb == SMTP_VERB_MAIL ? smtp_mail_parse(c->argument, a, &e, &fault)
					       : smtp_rcpt_parse(c->argument, a, &e, &fault);
	if (!failed(parsed)) {
		check_within(e.path.local, c->argument);
		check_within(e.path.domain, c->argument);
		check_within(e.path.route, c->argument);
	} else {
		check_within(fault.culprit, c->argument);
	}
	arena_free(&a);
}

static void run_others(const struct smtp_command *c)
{
	enum smtp_helo_kind kind;
	struct smtp_bdat bdat = { 0 };
	str mechanism, initial;
	if (!failed(smtp_auth_parse(c->argument, &mechanism, &initial)) && mechanism.n + initial.n > c->argument.n)
		abort();
	if (!failed(smtp_helo_parse(c->argument, &kind)) && str_find(c->argument, ' ') != STR_NONE)
		abort();
	if (!failed(smtp_bdat_next(&bdat, c->argument)) && bdat.left != bdat.size)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n == 0)
		return 0;
	struct smtp_command c;
	str line = { (const char *)p + 1, n - 1 };
	if (failed(smtp_command_parse(line, (p[0] & 1) != 0, &c)))
		return 0;
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ')
			abort();
	if (c.row != &smtp_verbs[c.verb] || (c.argument.n > 0) < (c.row->argument == SMTP_ARGUMENT_MUST))
		abort();
	check_within(c.argument, line);
	if (c.verb == SMTP_VERB_MAIL || c.verb == SMTP_VERB_RCPT)
		run_envelope(&c);
	else
		run_others(&c);
	return 0;
}
