/* SPDX-License-Identifier: Apache-2.0 */
#include "store/directory/mailname.h"

#include "base/cur.h"
#include "proto/smtp/path.h"

static str lower(struct buf *room, str s)
{
	size_t from = room->n;
	for (size_t i = 0; i < s.n; i++)
		buf_byte(room, ascii_lower(s.p[i]));
	return room->lost ? NO_STR : str_from(room->p + from, room->n - from);
}

/* Lower case; "" for one beyond ASCII. */
static str domain_as_compared(struct buf *room, str domain)
{
	for (size_t i = 0; i < domain.n; i++)
		if ((domain.p[i] & 0x80) != 0)
			return S("");
	return lower(room, domain);
}

/* A-d-l = At-domain *( "," At-domain )                            RFC 5321 4.1.2 */
static void skip_source_route(struct cur *c)
{
	if (cur_peek(c) != '@')
		return;
	cur_until(c, ':');
	cur_need(c, ':');
}

/* The local part without quotes, in lower case. */
static str plain_local(const struct smtp_path *path, struct buf *room)
{
	struct buf plain = { .p = room->p + room->n, .room = room->room - room->n };
	smtp_local_plain(path, &plain);
	for (size_t i = 0; i < plain.n; i++)
		plain.p[i] = ascii_lower(plain.p[i]);
	room->n += plain.n;
	room->lost = room->lost || plain.lost;
	return buf_str(&plain);
}

err mailname_parse(str text, str fallback, struct buf *room, struct mailname *out)
{
	struct cur c = cur_of(text);
	struct smtp_path path;
	struct mailname name;
	skip_source_route(&c);
	TRY(c.e);
	str rest = cur_rest(&c);
	if (str_eq_nocase(text, S("postmaster")))
		path = (struct smtp_path){ .local = text, .domain = fallback };
	else
		TRY(smtp_mailbox_parse(rest, &path));
	name.local = plain_local(&path, room);
	name.domain = domain_as_compared(room, path.domain);
	if (room->lost)
		return FAIL(LIMIT);
	if (name.local.n == 0 || name.domain.n == 0)
		return FAIL(SYNTAX);
	*out = name;
	return OK;
}

err mailname_domain(str text, struct buf *room, str *out)
{
	TRY(smtp_domain_parse(text));
	str name = domain_as_compared(room, text);
	if (room->lost)
		return FAIL(LIMIT);
	if (name.n == 0)
		return FAIL(SYNTAX);
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
