/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of RFC 5321 4.1.2, one function each, with the wider letters of RFC 6531 3.3:
 *
 *   Path       = "<" [ A-d-l ":" ] Mailbox ">"        Mailbox  = Local-part "@" ( Domain / address-literal )
 *   A-d-l      = At-domain *( "," At-domain )         Domain   = sub-domain *( "." sub-domain )
 *   Local-part = Dot-string / Quoted-string */
#include "proto/smtp/path.h"

#include "base/address.h"
#include "base/utf8.h"

static void limit(struct cur *c, str part, size_t most, const char *expected)
{
	if (cur_ok(c) && part.n > most)
		cur_fail_with(c, FAIL(LIMIT), expected);
}

/* UTF-8, without the control characters U+0080 to U+009F: no terminal shall obey an address. */
static void check_utf8(struct cur *c, str part)
{
	uint32_t character;
	while (utf8_take(&part, &character))
		if (character >= 0x80 && character < 0xa0)
			cur_fail(c, "no control characters");
	if (part.n > 0)
		cur_fail(c, "valid UTF-8");
}

/* U-labels are checked for being UTF-8; whether IDNA knows them is for those who look names up. */
static str domain(struct cur *c)
{
	size_t from = c->at;
	do {
		str label = cur_run(c, CH_ULDH, "a domain");
		if (cur_ok(c) && (label.p[0] == '-' || label.p[label.n - 1] == '-'))
			cur_fail(c, "a domain label without outer hyphens");
		limit(c, label, SMTP_LABEL_MAX, "a domain label of at most 63 octets");
	} while (cur_ok(c) && cur_take(c, '.'));
	str all = cur_since(c, from);
	limit(c, all, SMTP_DOMAIN_MAX, "a domain of at most 255 octets");
	check_utf8(c, all);
	return all;
}

/* RFC 5321 4.1.3 */
static str literal(struct cur *c)
{
	size_t from = c->at;
	struct address address;
	cur_need(c, '[');
	bool six = cur_take_str(c, S("IPv6:"));
	str inside = cur_until(c, ']');
	if (cur_ok(c) && (failed(address_parse(inside, &address)) || six != (str_find(inside, ':') != STR_NONE)))
		cur_fail(c, "an address literal");
	cur_need(c, ']');
	return cur_since(c, from);
}

static void dot_string(struct cur *c)
{
	do
		cur_run(c, CH_UATEXT, "a local part");
	while (cur_ok(c) && cur_take(c, '.'));
}

static bool in_quotes(int byte) { return byte >= 0x80 || (byte >= 0 && is_char(CH_QTEXT, (char)byte)); }

static void quoted_string(struct cur *c)
{
	cur_need(c, '"');
	while (cur_ok(c) && cur_peek(c) != '"') {
		if (cur_take(c, '\\')) {
			if (cur_peek(c) < ' ' || cur_peek(c) > '~')
				cur_fail(c, "something printable behind the backslash");
		} else if (!in_quotes(cur_peek(c))) {
			cur_fail(c, "the end of the quoted local part");
		}
		cur_bytes(c, 1);
	}
	cur_need(c, '"');
}

static str local_part(struct cur *c)
{
	size_t from = c->at;
	if (cur_peek(c) == '"')
		quoted_string(c);
	else
		dot_string(c);
	str all = cur_since(c, from);
	limit(c, all, SMTP_LOCAL_MAX, "a local part of at most 64 octets");
	check_utf8(c, all);
	return all;
}

static bool is_ascii(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static struct smtp_path mailbox(struct cur *c)
{
	struct smtp_path p = { .local = local_part(c) };
	cur_need(c, '@');
	p.domain = cur_peek(c) == '[' ? literal(c) : domain(c);
	if (!cur_ok(c))
		return (struct smtp_path){ 0 };
	p.traits |= p.local.p[0] == '"' ? SMTP_PATH_QUOTED : 0;
	p.traits |= p.domain.p[0] == '[' ? SMTP_PATH_LITERAL : 0;
	p.traits |= !is_ascii(p.local) || !is_ascii(p.domain) ? SMTP_PATH_UTF8 : 0;
	return p;
}

/* RFC 5321 C */
static str route(struct cur *c)
{
	size_t from = c->at;
	do {
		cur_need(c, '@');
		domain(c);
	} while (cur_ok(c) && cur_take(c, ','));
	str all = cur_since(c, from);
	cur_need(c, ':');
	return all;
}

static bool is_postmaster(const struct cur *c) { return str_starts_nocase(cur_rest(c), S("postmaster>")); }

struct smtp_path smtp_path_read(struct cur *c, enum smtp_path_kind kind)
{
	struct smtp_path p = { .local = S(""), .domain = S("") };
	str by = S("");
	size_t from = c->at;
	cur_need(c, '<');
	if (kind == SMTP_REVERSE_PATH && cur_take(c, '>'))
		return p;
	if (kind == SMTP_FORWARD_PATH && is_postmaster(c)) {
		p.local = cur_bytes(c, S("postmaster").n);
	} else {
		if (cur_peek(c) == '@')
			by = route(c);
		p = mailbox(c);
		p.route = by;
		if (!is_ascii(by))
			p.traits |= SMTP_PATH_UTF8;
	}
	if (cur_ok(c) && cur_peek(c) != '>')
		cur_fail(c, "\">\" behind the address");
	cur_take(c, '>');
	limit(c, cur_since(c, from), SMTP_PATH_MAX, "a path of at most 256 octets");
	return cur_ok(c) ? p : (struct smtp_path){ 0 };
}

err smtp_path_parse(str text, enum smtp_path_kind kind, struct smtp_path *out)
{
	struct cur c = cur_of(text);
	struct smtp_path p = smtp_path_read(&c, kind);
	cur_end(&c);
	TRY(c.e);
	*out = p;
	return OK;
}

err smtp_mailbox_parse(str text, struct smtp_path *out)
{
	struct cur c = cur_of(text);
	struct smtp_path p = mailbox(&c);
	cur_end(&c);
	TRY(c.e);
	if (text.n > SMTP_PATH_MAX - 2)
		return FAIL(LIMIT);
	*out = p;
	return OK;
}

err smtp_domain_parse(str text)
{
	struct cur c = cur_of(text);
	domain(&c);
	cur_end(&c);
	return c.e;
}

err smtp_literal_parse(str text)
{
	struct cur c = cur_of(text);
	literal(&c);
	cur_end(&c);
	return c.e;
}

/* ---- comparing ---- */

void smtp_local_plain(const struct smtp_path *p, struct buf *b)
{
	if ((p->traits & SMTP_PATH_QUOTED) == 0) {
		buf_add(b, p->local);
		return;
	}
	str inside = str_slice(p->local, 1, p->local.n - 1);
	for (size_t i = 0; i < inside.n; i++) {
		if (inside.p[i] == '\\' && i + 1 < inside.n)
			i++;
		buf_byte(b, inside.p[i]);
	}
}

static bool is_dot_string(str plain)
{
	struct cur c = cur_of(plain);
	dot_string(&c);
	cur_end(&c);
	return cur_ok(&c);
}

static void write_quoted(struct buf *b, str plain)
{
	buf_byte(b, '"');
	for (size_t i = 0; i < plain.n; i++) {
		if (plain.p[i] == '"' || plain.p[i] == '\\')
			buf_byte(b, '\\');
		buf_byte(b, plain.p[i]);
	}
	buf_byte(b, '"');
}

void smtp_path_canonical(const struct smtp_path *p, struct buf *b)
{
	char room[SMTP_LOCAL_MAX];
	struct buf plain = BUF_ON(room);
	smtp_local_plain(p, &plain);
	if (plain.lost)
		b->lost = true;
	else if ((p->traits & SMTP_PATH_QUOTED) != 0 && !is_dot_string(buf_str(&plain)))
		write_quoted(b, buf_str(&plain));
	else
		buf_add(b, buf_str(&plain));
	if (p->domain.n > 0)
		buf_byte(b, '@');
	for (size_t i = 0; i < p->domain.n; i++)
		buf_byte(b, ascii_lower(p->domain.p[i]));
}

bool smtp_path_eq(const struct smtp_path *a, const struct smtp_path *b)
{
	char a_room[SMTP_LOCAL_MAX], b_room[SMTP_LOCAL_MAX];
	struct buf a_plain = BUF_ON(a_room), b_plain = BUF_ON(b_room);
	smtp_local_plain(a, &a_plain);
	smtp_local_plain(b, &b_plain);
	return !a_plain.lost && !b_plain.lost && str_eq(buf_str(&a_plain), buf_str(&b_plain)) &&
	       str_eq_nocase(a->domain, b->domain);
}

bool smtp_local_has_route(const struct smtp_path *p)
{
	return str_find(p->local, '%') != STR_NONE || str_find(p->local, '!') != STR_NONE ||
	       str_find(p->local, '@') != STR_NONE;
}
