/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/aliases.h"

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static bool continues(str rest) { return rest.n > 0 && (is_blank(rest.p[0]) || rest.p[0] == '#'); }

static str next_line(struct alias_reader *r)
{
	str line = S("");
	(void)str_word(&r->rest, '\n', &line);
	r->number++;
	return line;
}

/* One entry: a line with those behind it that begin with a blank. Comments and empty lines are left out. */
static bool next_entry(struct alias_reader *r, struct buf *entry)
{
	str line = S("");
	while (r->rest.n > 0 && (str_trim(line).n == 0 || line.p[0] == '#')) {
		r->now.number = r->number;
		line = next_line(r);
	}
	if (str_trim(line).n == 0 || line.p[0] == '#')
		return false;
	str ahead = r->rest, all = line;
	while (continues(ahead))
		(void)str_word(&ahead, '\n', &all);
	*entry = buf_in(r->arena, line.n + (r->rest.n - ahead.n) + 2);
	buf_add(entry, str_trim(line));
	while (continues(r->rest)) {
		line = next_line(r);
		buf_byte(entry, ' ');
		buf_add(entry, str_starts(str_trim(line), S("#")) ? S("") : str_trim(line));
	}
	return !entry->lost;
}

/* Up to a separator outside quotes; without quotes and what backslashes protect. *had: the separator was there. */
static str take(struct alias_reader *r, str *rest, char separator, bool *had)
{
	struct buf *b = &r->strings;
	const size_t from = b->n;
	bool quoted = false;
	size_t i = 0;
	for (; i < rest->n && (quoted || rest->p[i] != separator); i++) {
		if (rest->p[i] == '"')
			quoted = !quoted;
		else if (rest->p[i] == '\\' && i + 1 < rest->n)
			buf_byte(b, rest->p[++i]);
		else
			buf_byte(b, rest->p[i]);
	}
	*had = i < rest->n;
	*rest = str_after(*rest, i + 1);
	return str_trim(str_from(b->p + from, b->n - from));
}

static const char *objection(str target)
{
	if (target.n == 0)
		return "a target is empty";
	if (target.p[0] == '|')
		return "a program cannot be a target";
	if (target.p[0] == '/')
		return "a file cannot be a target";
	if (str_starts_nocase(target, S(":include:")))
		return "a list in a file (:include:) cannot be a target; import that file's addresses by themselves";
	if (target.p[0] == ':')
		return "what begins with a colon has no meaning here";
	if (str_find(target, ' ') != STR_NONE)
		return "an address has no blanks";
	return NULL;
}

static bool begin_entry(struct alias_reader *r)
{
	struct buf buf;
	bool had;
	arena_reset(r->arena);
	if (!next_entry(r, &buf))
		return false;
	str entry = buf_str(&buf);
	r->strings = buf_in(r->arena, entry.n + 1);
	r->now.wrong = NULL;
	r->now.name = take(r, &entry, ':', &had);
	r->targets = entry;
	r->in_entry = true;
	if (!had || r->now.name.n == 0 || str_trim(entry).n == 0)
		r->now.wrong = "a line is a name, a colon and targets";
	return true;
}

bool alias_next(struct alias_reader *r, struct alias_line *out)
{
	bool had;
	if (!r->in_entry && !begin_entry(r))
		return false;
	r->now.target = NO_STR;
	if (r->now.wrong != NULL) {
		r->in_entry = false;
		*out = r->now;
		return true;
	}
	*out = r->now;
	out->target = take(r, &r->targets, ',', &had);
	out->wrong = objection(out->target);
	r->in_entry = had && str_trim(r->targets).n > 0;
	return true;
}
