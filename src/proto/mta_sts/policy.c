/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mta_sts/policy.h"

#include "base/buf.h"
#include "base/cur.h"

enum { AGE_DIGITS = 10, EXTENSION_NAME_MAX = 32, LABEL_MAX = 63 };

static const char *const modes[] = { "none", "testing", "enforce" };

const char *mta_sts_mode_name(enum mta_sts_mode mode) { return modes[mode]; }

/* ---- the record ---- */

static void skip_blanks(struct cur *c) { (void)cur_any(c, CH_WSP); }

bool mta_sts_record_is(str text)
{
	str rest = text, version;
	return str_cut(&rest, ';', &version) && str_eq(str_trim(version), S("v=STSv1")) &&
	       str_starts(text, S("v=STSv1"));
}

/* sts-id = %s"id=" 1*32(ALPHA / DIGIT)                                                         RFC 8461 3.1 */
static str take_id(struct cur *c)
{
	str id = cur_run(c, CH_ALNUM, "an id");
	if (id.n > MTA_STS_ID_MAX)
		cur_fail(c, "a shorter id");
	return id;
}

static bool is_extension_name(char byte)
{
	return is_char(CH_ALNUM, byte) || byte == '_' || byte == '-' || byte == '.';
}

/* sts-extension = sts-ext-name "=" sts-ext-value                                                RFC 8461 3.1 */
static void take_extension(struct cur *c)
{
	size_t from = c->at;
	while (!cur_at_end(c) && is_extension_name(c->in.p[c->at]))
		c->at++;
	size_t n = c->at - from;
	if (n == 0 || n > EXTENSION_NAME_MAX || !is_char(CH_ALNUM, c->in.p[from]))
		cur_fail(c, "a name");
	cur_need(c, '=');
	from = c->at;
	while (cur_ok(c) && !cur_at_end(c) && is_char(CH_ESMTP_VALUE, c->in.p[c->at]) && c->in.p[c->at] != ';')
		c->at++;
	if (c->at == from)
		cur_fail(c, "a value");
}

/* sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim]                 RFC 8461 3.1 */
err mta_sts_record_parse(str text, str *id)
{
	struct cur c = cur_of(text);
	str found = NO_STR;
	if (!mta_sts_record_is(text))
		return FAIL(SYNTAX);
	(void)cur_bytes(&c, S("v=STSv1").n);
	for (;;) {
		skip_blanks(&c);
		if (cur_at_end(&c) || !cur_ok(&c))
			break;
		cur_need(&c, ';');
		skip_blanks(&c);
		if (cur_at_end(&c))
			break;
		if (str_starts(cur_rest(&c), S("id=")) && found.p == NULL) {
			(void)cur_bytes(&c, S("id=").n);
			found = take_id(&c);
		} else
			take_extension(&c);
	}
	TRY(c.e);
	if (found.p == NULL)
		return FAIL(SYNTAX);
	*id = found;
	return OK;
}

/* ---- the policy ---- */

struct reading {
	struct arena *arena;
	bool has_version, has_mode, has_age;
	enum mta_sts_mode mode;
	uint64_t age;
	str *patterns;
	size_t count;
};

/* domain-name, or one with "*." in front                                                       RFC 8461 3.2 */
static bool is_pattern(str text)
{
	str label;
	if (str_starts(text, S("*.")))
		text = str_after(text, 2);
	if (text.n == 0 || text.n > MTA_STS_PATTERN_MAX - 2 || str_ends(text, S(".")))
		return false;
	while (str_word(&text, '.', &label))
		if (label.n == 0 || label.n > LABEL_MAX || !str_is(CH_LDH, label) || label.p[0] == '-' ||
			label.p[label.n - 1] == '-')
			return false;
	return true;
}

static err take_pattern(struct reading *r, str value)
{
	if (!is_pattern(value))
		return FAIL(SYNTAX);
	if (r->patterns == NULL)
		r->patterns = NEW(r->arena, str, MTA_STS_PATTERNS_MAX);
	if (r->count == MTA_STS_PATTERNS_MAX)
		return OK;
	struct buf b = buf_in(r->arena, value.n);
	for (size_t i = 0; i < value.n; i++)
		buf_byte(&b, ascii_lower(value.p[i]));
	if (arena_spent(r->arena))
		return FAIL(MEMORY);
	r->patterns[r->count++] = buf_str(&b);
	return OK;
}

static err take_mode(struct reading *r, str value)
{
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (str_eq(value, str_of(modes[i]))) {
			r->mode = (enum mta_sts_mode)i;
			r->has_mode = true;
			return OK;
		}
	return FAIL(SYNTAX);
}

static err take_age(struct reading *r, str value)
{
	if (value.n > AGE_DIGITS)
		return FAIL(SYNTAX);
	TRY(str_number(value, UINT64_MAX, &r->age));
	if (r->age > MTA_STS_AGE_MAX)
		r->age = MTA_STS_AGE_MAX;
	r->has_age = true;
	return OK;
}

/* Of a name that is there twice the first one counts, but for mx.                              RFC 8461 3.2 */
static err take_field(struct reading *r, str name, str value)
{
	if (str_eq(name, S("version"))) {
		if (!r->has_version && !str_eq(value, S("STSv1")))
			return FAIL(SYNTAX);
		r->has_version = true;
		return OK;
	}
	if (str_eq(name, S("mode")))
		return r->has_mode ? OK : take_mode(r, value);
	if (str_eq(name, S("max_age")))
		return r->has_age ? OK : take_age(r, value);
	return str_eq(name, S("mx")) ? take_pattern(r, value) : OK;
}

/* sts-policy-field *WSP, ended by LF or CRLF. A CR elsewhere, or another control character, is no text. */
static err take_line(struct reading *r, str line)
{
	str name, value = line;
	if (str_ends(value, S("\r")))
		value.n--;
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < ' ' && value.p[i] != '\t')
			return FAIL(SYNTAX);
	if (str_trim(value).n == 0)
		return OK; /* an empty line, as some end their file with */
	if (!str_cut(&value, ':', &name))
		return FAIL(SYNTAX);
	return take_field(r, str_trim(name), str_trim(value));
}

err mta_sts_policy_parse(str text, struct arena *a, struct mta_sts_policy *out)
{
	struct reading r = { .arena = a };
	str line;
	if (text.n > MTA_STS_FILE_MAX)
		return FAIL(LIMIT);
	while (str_word(&text, '\n', &line))
		TRY(take_line(&r, line));
	if (!r.has_version || !r.has_mode || !r.has_age || (r.count == 0 && r.mode != MTA_STS_NONE))
		return FAIL(SYNTAX);
	*out = (struct mta_sts_policy){ r.mode, (uint32_t)r.age, r.patterns, r.count };
	return OK;
}

bool mta_sts_matches(const struct mta_sts_policy *policy, str host)
{
	size_t dot = str_find(host, '.');
	for (size_t i = 0; i < policy->patterns_count; i++) {
		str pattern = policy->patterns[i];
		if (str_eq_nocase(pattern, host))
			return true;
		if (str_starts(pattern, S("*.")) && dot != STR_NONE && dot > 0 &&
			str_eq_nocase(str_after(pattern, 1), str_after(host, dot)))
			return true;
	}
	return false;
}
