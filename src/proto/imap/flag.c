/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/flag.h"

#include "proto/imap/astring.h"

static const struct {
	str text;
	unsigned flag;
	bool settable;
} system_flags[] = {
#define IMAP_FLAG(name, bit, text, settable) { S(text), IMAP_FLAG_##name, settable },
#include "proto/imap/flag.def"
#undef IMAP_FLAG
};

enum { SYSTEM_FLAGS = sizeof system_flags / sizeof *system_flags };

static unsigned system_flag(struct cur *c, str name)
{
	for (size_t i = 0; i < SYSTEM_FLAGS; i++)
		if (system_flags[i].settable && str_eq_nocase(name, system_flags[i].text))
			return system_flags[i].flag;
	cur_fail(c, "a flag that clients may set");
	return 0;
}

str imap_keyword(struct cur *c)
{
	str keyword = imap_atom(c, "a keyword");
	if (keyword.n > IMAP_KEYWORD_LENGTH)
		cur_fail_with(c, FAIL(LIMIT), "a shorter keyword");
	return cur_ok(c) ? keyword : NO_STR;
}

static bool has_keyword(const struct imap_flags *flags, str keyword)
{
	for (size_t i = 0; i < flags->count; i++)
		if (str_eq_nocase(flags->keywords[i], keyword))
			return true;
	return false;
}

/* flag *(SP flag); flag = "\Answered" / … / flag-keyword / flag-extension */
static struct imap_flags several(struct cur *c, struct arena *a)
{
	str keywords[IMAP_KEYWORDS_MAX];
	struct imap_flags flags = { .keywords = keywords };
	do {
		size_t from = c->at;
		if (cur_take(c, '\\')) {
			cur_run(c, CH_ATOM, "a flag");
			flags.system |= system_flag(c, cur_since(c, from));
			continue;
		}
		str keyword = imap_keyword(c);
		if (!cur_ok(c) || has_keyword(&flags, keyword))
			continue;
		if (flags.count == IMAP_KEYWORDS_MAX)
			cur_fail_with(c, FAIL(LIMIT), "fewer keywords");
		else
			keywords[flags.count++] = keyword;
	} while (cur_take(c, ' '));
	str *kept = NEW(a, str, flags.count);
	if (kept == NULL)
		cur_fail_with(c, FAIL(MEMORY), "less memory");
	if (!cur_ok(c))
		return (struct imap_flags){ 0 };
	memcpy(kept, keywords, flags.count * sizeof *kept);
	flags.keywords = kept;
	return flags;
}

struct imap_flags imap_flag_list(struct cur *c, struct arena *a)
{
	struct imap_flags flags = { 0 };
	cur_need_str(c, S("("));
	if (cur_take(c, ')'))
		return flags;
	flags = several(c, a);
	cur_need_str(c, S(")"));
	return cur_ok(c) ? flags : (struct imap_flags){ 0 };
}

struct imap_flags imap_flags(struct cur *c, struct arena *a)
{
	return cur_peek(c) == '(' ? imap_flag_list(c, a) : several(c, a);
}

static void put(struct buf *b, bool *is_first, str text)
{
	if (!*is_first)
		buf_byte(b, ' ');
	*is_first = false;
	buf_add(b, text);
}

void imap_write_permanent_flags(struct buf *b, struct imap_flags flags, bool takes_new)
{
	bool is_first = true;
	buf_byte(b, '(');
	for (size_t i = 0; i < SYSTEM_FLAGS; i++)
		if ((flags.system & system_flags[i].flag) != 0)
			put(b, &is_first, system_flags[i].text);
	for (size_t i = 0; i < flags.count; i++)
		put(b, &is_first, flags.keywords[i]);
	if (takes_new)
		put(b, &is_first, S("\\*"));
	buf_byte(b, ')');
}

void imap_write_flags(struct buf *b, struct imap_flags flags) { imap_write_permanent_flags(b, flags, false); }
