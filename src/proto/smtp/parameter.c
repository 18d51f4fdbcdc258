/* SPDX-License-Identifier: Apache-2.0 */
/* esmtp-param = keyword [ "=" value ], a function for each keyword's value. */
#include "proto/smtp/parameter.h"

#include "base/utf8.h"

typedef err value_fn(str value, struct arena *a, struct smtp_parameters *p);

/* RFC 1870 4: at most twenty digits */
static err value_SIZE(str value, struct arena *a, struct smtp_parameters *p)
{
	(void)a;
	return str_number(value, INT64_MAX, &p->size);
}

/* RFC 6152 2, RFC 3030 3 */
static err value_BODY(str value, struct arena *a, struct smtp_parameters *p)
{
	(void)a;
	if (str_eq_nocase(value, S("7BIT")))
		p->body = SMTP_BODY_7BIT;
	else if (str_eq_nocase(value, S("8BITMIME")))
		p->body = SMTP_BODY_8BITMIME;
	else if (str_eq_nocase(value, S("BINARYMIME")))
		p->body = SMTP_BODY_BINARYMIME;
	else
		return FAIL(SYNTAX);
	return OK;
}

static err value_SMTPUTF8(str value, struct arena *a, struct smtp_parameters *p)
{
	(void)a;
	(void)p;
	return value.p == NULL ? OK : FAIL(SYNTAX);
}

static err value_REQUIRETLS(str value, struct arena *a, struct smtp_parameters *p)
{
	(void)a;
	(void)p;
	return value.p == NULL ? OK : FAIL(SYNTAX);
}

static err value_RET(str value, struct arena *a, struct smtp_parameters *p)
{
	(void)a;
	if (str_eq_nocase(value, S("FULL")))
		p->ret = SMTP_RETURN_FULL;
	else if (str_eq_nocase(value, S("HDRS")))
		p->ret = SMTP_RETURN_HEADERS;
	else
		return FAIL(SYNTAX);
	return OK;
}

static err value_ENVID(str value, struct arena *a, struct smtp_parameters *p)
{
	str decoded = NO_STR;
	if (value.n > SMTP_ENVID_MAX)
		return FAIL(LIMIT);
	TRY(smtp_xtext_decode(a, value, &decoded));
	if (value.n == 0 || !str_is(CH_PRINT, decoded))
		return FAIL(SYNTAX);
	p->envid = decoded;
	return OK;
}

/* AUTH=<> or AUTH=mailbox, RFC 4954 5 */
static err value_AUTH(str value, struct arena *a, struct smtp_parameters *p)
{
	str decoded = NO_STR;
	struct smtp_path path;
	TRY(smtp_xtext_decode(a, value, &decoded));
	if (str_eq(decoded, S("<>"))) {
		p->auth = S("");
		return OK;
	}
	TRY(smtp_mailbox_parse(decoded, &path));
	p->auth = decoded;
	return OK;
}

/* NEVER stands alone; RFC 3461 4.1 */
static err value_NOTIFY(str value, struct arena *a, struct smtp_parameters *p)
{
	static const struct {
		str name;
		unsigned bit;
	} names[] = {
		{ S("NEVER"), SMTP_NOTIFY_NEVER },
		{ S("SUCCESS"), SMTP_NOTIFY_SUCCESS },
		{ S("FAILURE"), SMTP_NOTIFY_FAILURE },
		{ S("DELAY"), SMTP_NOTIFY_DELAY },
	};
	(void)a;
	unsigned found = 0;
	str word;
	if (value.n == 0 || value.p[value.n - 1] == ',')
		return FAIL(SYNTAX);
	while (str_word(&value, ',', &word)) {
		unsigned bit = 0;
		for (size_t i = 0; i < sizeof names / sizeof *names; i++)
			if (str_eq_nocase(word, names[i].name))
				bit = names[i].bit;
		if (bit == 0 || (found & bit) != 0)
			return FAIL(SYNTAX);
		found |= bit;
	}
	if ((found & SMTP_NOTIFY_NEVER) != 0 && found != SMTP_NOTIFY_NEVER)
		return FAIL(SYNTAX);
	p->notify = found;
	return OK;
}

static bool has_control(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return true;
	return false;
}

/* addr-type ";" xtext, RFC 3461 4.2; with SMTPUTF8 the address may be plain UTF-8, RFC 6533 3 */
static err value_ORCPT(str value, struct arena *a, struct smtp_parameters *p)
{
	str type, address = value, decoded = NO_STR;
	if (value.n > SMTP_ORCPT_MAX)
		return FAIL(LIMIT);
	if (!str_cut(&address, ';', &type) || type.n == 0 || !str_is(CH_ATEXT, type) || address.n == 0)
		return FAIL(SYNTAX);
	err e = smtp_xtext_decode(a, address, &decoded);
	if (e.code == ERR_SYNTAX && str_eq_nocase(type, S("utf-8")) && str_is_utf8(address) &&
		str_find(address, '+') == STR_NONE) {
		decoded = address;
		e = OK;
	}
	TRY(e);
	if (has_control(decoded) || !str_is_utf8(decoded))
		return FAIL(SYNTAX);
	p->orcpt_type = type;
	p->orcpt = decoded;
	return OK;
}

static const struct {
	str name;
	enum smtp_command_kind command;
	value_fn *read;
} rows[] = {
#define PARAMETER(name, command, source) { S(#name), SMTP_FOR_##command, value_##name },
#include "proto/smtp/parameter.def"
#undef PARAMETER
};

static enum smtp_parameter find(str name, enum smtp_command_kind kind)
{
	unsigned i = 0;
	while (i < SMTP_PARAMETERS && (rows[i].command != kind || !str_eq_nocase(name, rows[i].name)))
		i++;
	return (enum smtp_parameter)i;
}

/* keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-"); RFC 5321 4.1.2 */
static bool is_keyword(str name) { return name.n > 0 && name.p[0] != '-' && str_is(CH_LDH, name); }

static bool is_value(str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (!is_char(CH_ESMTP_VALUE, value.p[i]) && (unsigned char)value.p[i] < 0x80)
			return false;
	return value.n > 0 && str_is_utf8(value);
}

static err one(str word, enum smtp_command_kind kind, struct arena *a, struct smtp_parameters *p, str *name)
{
	str value = word;
	if (!str_cut(&value, '=', name)) {
		*name = word;
		value = NO_STR;
	}
	if (!is_keyword(*name) || (value.p != NULL && !is_value(value)))
		return FAIL(SYNTAX);
	enum smtp_parameter which = find(*name, kind);
	if (which == SMTP_PARAMETERS)
		return FAIL(UNSUPPORTED);
	if (smtp_has(p, which))
		return FAIL(EXISTS);
	p->given |= 1u << which;
	return rows[which].read(value, a, p);
}

err smtp_parameters_parse(
	str text, enum smtp_command_kind kind, struct arena *a, struct smtp_parameters *out, str *culprit)
{
	struct smtp_parameters p = { 0 };
	str word, name = S("");
	if (text.n > 0 && text.p[0] != ' ') {
		*culprit = text;
		return FAIL(SYNTAX);
	}
	while (str_word(&text, ' ', &word)) {
		if (word.n == 0)
			continue;
		err e = one(word, kind, a, &p, &name);
		if (failed(e)) {
			*culprit = name;
			return e;
		}
	}
	*out = p;
	return OK;
}
