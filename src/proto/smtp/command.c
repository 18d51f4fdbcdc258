/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/command.h"

#include "base/utf8.h"

/* The short words of commands.def. */
enum {
	START = SMTP_AT_START,
	READY = SMTP_AT_READY,
	MAIL = SMTP_AT_MAIL,
	RCPT = SMTP_AT_RCPT,
	BDAT = SMTP_AT_BDAT,
	ANY = SMTP_AT_ANY,
	ENDS_GROUP = SMTP_ENDS_GROUP,
	BEFORE_TLS = SMTP_BEFORE_TLS,
	SMTP_ONLY = SMTP_SMTP_ONLY,
	LMTP_ONLY = SMTP_LMTP_ONLY,
	CARRIES_DATA = SMTP_CARRIES_DATA,
};

const struct smtp_verb_row smtp_verbs[SMTP_VERBS] = {
#define VERB(name, argument, states, traits, source) \
	{ S(#name), SMTP_ARGUMENT_##argument, (states), (traits), S(source) },
#include "proto/smtp/commands.def"
#undef VERB
};

static bool is_clean(str line)
{
	for (size_t i = 0; i < line.n; i++)
		if ((unsigned char)line.p[i] < ' ' || line.p[i] == 0x7f)
			return false;
	return str_is_utf8(line);
}

static const struct smtp_verb_row *find(str name, bool lmtp)
{
	for (unsigned i = 0; i < SMTP_VERBS; i++)
		if (str_eq_nocase(name, smtp_verbs[i].name) &&
			(smtp_verbs[i].traits & (lmtp ? SMTP_SMTP_ONLY : SMTP_LMTP_ONLY)) == 0)
			return &smtp_verbs[i];
	return NULL;
}

err smtp_command_parse(str line, bool lmtp, struct smtp_command *out)
{
	*out = (struct smtp_command){ .verb = SMTP_VERBS };
	if (line.n > SMTP_COMMAND_MAX)
		return FAIL(LIMIT);
	if (!is_clean(line))
		return FAIL(SYNTAX);
	while (line.n > 0 && line.p[line.n - 1] == ' ')
		line.n--; /* RFC 5321 4.1.1: blanks at the end are let pass */
	str argument = line, name = line;
	if (!str_cut(&argument, ' ', &name))
		argument = S("");
	while (argument.n > 0 && argument.p[0] == ' ')
		argument = str_after(argument, 1);
	const struct smtp_verb_row *row = find(name, lmtp);
	if (row == NULL)
		return FAIL(ABSENT);
	*out = (struct smtp_command){ (enum smtp_verb)(row - smtp_verbs), row, argument };
	if ((row->argument == SMTP_ARGUMENT_NONE && argument.n > 0) ||
		(row->argument == SMTP_ARGUMENT_MUST && argument.n == 0))
		return FAIL(SYNTAX);
	return OK;
}

/* ---- arguments ---- */

struct envelope_rule {
	str keyword;
	enum smtp_path_kind path;
	enum smtp_command_kind parameters;
};

static err envelope(str argument, const struct envelope_rule *rule, struct arena *a, struct smtp_envelope_argument *out,
	struct smtp_fault *fault)
{
	struct smtp_envelope_argument found;
	struct cur c = cur_of(argument);
	cur_need_str(&c, rule->keyword);
	while (cur_take(&c, ' '))
		;
	size_t from = c.at;
	found.path = smtp_path_read(&c, rule->path);
	if (!cur_ok(&c)) {
		*fault = (struct smtp_fault){ str_after(argument, from), c.expected };
		return c.e;
	}
	*fault = (struct smtp_fault){ NO_STR, NULL };
	TRY(smtp_parameters_parse(cur_rest(&c), rule->parameters, a, &found.parameters, &fault->culprit));
	*out = found;
	return OK;
}

err smtp_mail_parse(str argument, struct arena *a, struct smtp_envelope_argument *out, struct smtp_fault *fault)
{
	const struct envelope_rule rule = { S("FROM:"), SMTP_REVERSE_PATH, SMTP_FOR_MAIL };
	return envelope(argument, &rule, a, out, fault);
}

err smtp_rcpt_parse(str argument, struct arena *a, struct smtp_envelope_argument *out, struct smtp_fault *fault)
{
	const struct envelope_rule rule = { S("TO:"), SMTP_FORWARD_PATH, SMTP_FOR_RCPT };
	return envelope(argument, &rule, a, out, fault);
}

static bool is_odd_name(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_char(CH_PRINT, s.p[i]) || strchr(" <>()\"\\,;", s.p[i]) != NULL)
			return false;
	return s.n > 0 && s.n <= SMTP_DOMAIN_MAX;
}

err smtp_helo_parse(str argument, enum smtp_helo_kind *out)
{
	if (!failed(smtp_domain_parse(argument)))
		*out = SMTP_HELO_DOMAIN;
	else if (!failed(smtp_literal_parse(argument)))
		*out = SMTP_HELO_LITERAL;
	else if (is_odd_name(argument))
		*out = SMTP_HELO_ODD;
	else
		return FAIL(SYNTAX);
	return OK;
}

/* sasl-mech = 1*20( upper-case letters, digits, "-", "_" ); RFC 4422 3.1, any case is let pass. */
err smtp_auth_parse(str argument, str *mechanism, str *initial)
{
	enum { MECHANISM_MAX = 20 };
	str name = argument, rest = argument;
	bool more = str_cut(&rest, ' ', &name);
	if (name.n == 0 || name.n > MECHANISM_MAX)
		return FAIL(SYNTAX);
	for (size_t i = 0; i < name.n; i++)
		if (!is_char(CH_LDH, name.p[i]) && name.p[i] != '_')
			return FAIL(SYNTAX);
	if (more && (rest.n == 0 || str_find(rest, ' ') != STR_NONE))
		return FAIL(SYNTAX);
	*mechanism = name;
	*initial = more ? rest : NO_STR;
	if (more && str_eq(rest, S("=")))
		*initial = S("");
	return OK;
}
