/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/mailname.h"

#include "base/cur.h"

static str lower(struct buf *room, str s)
{
	size_t from = room->n;
	for (size_t i = 0; i < s.n; i++)
		buf_byte(room, ascii_lower(s.p[i]));
	return room->lost ? NO_STR : str_from(room->p + from, room->n - from);
}

/* Quoted-string = DQUOTE *QcontentSMTP DQUOTE                     RFC 5321 4.1.2 */
static str quoted(struct cur *c, struct buf *room)
{
	size_t from = room->n;
	cur_need(c, '"');
	while (cur_ok(c) && cur_peek(c) != '"') {
		cur_take(c, '\\');
		str one = cur_bytes(c, 1);
		bool is_text = one.n == 1 && ((unsigned char)one.p[0] >= 0x80 || is_char(CH_PRINT, one.p[0]));
		if (cur_ok(c) && !is_text)
			cur_fail(c, "a printable character");
		if (cur_ok(c))
			buf_byte(room, ascii_lower(one.p[0]));
	}
	cur_need(c, '"');
	return cur_ok(c) && !room->lost ? str_from(room->p + from, room->n - from) : NO_STR;
}

/* Dot-string = Atom *("." Atom). Dots may stand anywhere: what is not in the directory is not found. */
static str dot_string(struct cur *c, struct buf *room)
{
	size_t from = c->at;
	do
		cur_any(c, CH_UATEXT);
	while (cur_take(c, '.'));
	return lower(room, cur_since(c, from));
}

/* Domain / address-literal                                        RFC 5321 4.1.2 */
static str domain(struct cur *c, struct buf *room)
{
	size_t from = c->at;
	if (cur_take(c, '[')) {
		cur_until(c, ']');
		cur_need(c, ']');
		return lower(room, cur_since(c, from));
	}
	do {
		str label = cur_run(c, CH_ULDH, "a domain label");
		if (cur_ok(c) && (label.p[0] == '-' || label.p[label.n - 1] == '-'))
			cur_fail(c, "a label without outer hyphens");
	} while (cur_take(c, '.') && cur_peek(c) >= 0);
	str name = cur_since(c, from);
	if (str_ends(name, S(".")))
		name.n--;
	return lower(room, name);
}

/* A-d-l = At-domain *( "," At-domain )                            RFC 5321 4.1.2 */
static void skip_source_route(struct cur *c)
{
	if (cur_peek(c) != '@')
		return;
	cur_until(c, ':');
	cur_need(c, ':');
}

err mailname_parse(str text, str fallback, struct buf *room, struct mailname *out)
{
	struct cur c = cur_of(text);
	struct mailname name = { NO_STR, NO_STR };
	skip_source_route(&c);
	name.local = cur_peek(&c) == '"' ? quoted(&c, room) : dot_string(&c, room);
	if (cur_at_end(&c) && str_eq(name.local, S("postmaster"))) {
		name.domain = lower(room, fallback);
	} else {
		cur_need(&c, '@');
		name.domain = domain(&c, room);
		cur_end(&c);
	}
	TRY(c.e);
	if (room->lost || name.local.n > MAILNAME_LOCAL_MAX || name.domain.n > MAILNAME_DOMAIN_MAX)
		return FAIL(LIMIT);
	if (name.local.n == 0 || name.domain.n == 0)
		return FAIL(SYNTAX);
	*out = name;
	return OK;
}

err mailname_domain(str text, struct buf *room, str *out)
{
	struct cur c = cur_of(text);
	if (cur_peek(&c) == '[')
		return FAIL(SYNTAX);
	str name = domain(&c, room);
	cur_end(&c);
	TRY(c.e);
	if (room->lost || name.n > MAILNAME_DOMAIN_MAX)
		return FAIL(LIMIT);
	*out = name;
	return OK;
}

static bool is_dot_string(str s)
{
	str atom;
	if (str_ends(s, S(".")))
		return false;
	while (str_word(&s, '.', &atom))
		if (atom.n == 0 || !str_is(CH_UATEXT, atom))
			return false;
	return true;
}

void mailname_write(struct buf *to, const struct mailname *name)
{
	if (is_dot_string(name->local)) {
		buf_add(to, name->local);
	} else {
		buf_byte(to, '"');
		for (size_t i = 0; i < name->local.n; i++) {
			if (name->local.p[i] == '"' || name->local.p[i] == '\\')
				buf_byte(to, '\\');
			buf_byte(to, name->local.p[i]);
		}
		buf_byte(to, '"');
	}
	buf_byte(to, '@');
	buf_add(to, name->domain);
}

bool mailname_eq(const struct mailname *a, const struct mailname *b)
{
	return str_eq(a->local, b->local) && str_eq(a->domain, b->domain);
}
