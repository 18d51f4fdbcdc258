/* SPDX-License-Identifier: Apache-2.0 */
/* The lenient reader. It tries what RFC 5322 3.4 allows in turn (group, name and angle brackets, bare address) and each
 * try begins at the same place, so every byte is read at most three times. Where nothing fits it keeps what it has and
 * stops: what follows a syntax error is not guessed at. Which text ends up in which field follows Dovecot, since
 * clients know its answers. */
#include "proto/mime/address.h"

#include "proto/mime/header.h"
#include "proto/mime/lex.h"

struct reader {
	struct arena *a;
	struct cur c;
	struct buf text; /* all strings of all addresses, one behind the other; no larger than the value */
	str comment;     /* the last one seen */
	struct mime_address now, *first, **last;
	size_t count;
};

/* How far a construct came: the list goes on behind it, the text ended, or it is broken. */
enum outcome { BROKEN, ENDED, COMPLETE };

static enum outcome outcome(const struct reader *r, bool good)
{
	if (!good)
		return BROKEN;
	return cur_at_end(&r->c) ? ENDED : COMPLETE;
}

static str text_since(const struct reader *r, size_t from) { return str_from(r->text.p + from, r->text.n - from); }

static void add(struct reader *r)
{
	struct mime_address *address = NEW(r->a, struct mime_address, 1);
	if (address == NULL)
		return;
	*address = r->now;
	*r->last = address;
	r->last = &address->next;
	r->now = (struct mime_address){ .kind = MIME_MAILBOX };
	r->count++;
}

static void add_mailbox(struct reader *r)
{
	if (r->now.local.p == NULL || r->now.domain.p == NULL)
		r->now.broken = true;
	add(r);
}

/* phrase = 1*word / obs-phrase                           RFC 5322 3.2.5, 4.1
 * Perhaps empty; words are joined by single blanks. */
static enum outcome phrase(struct reader *r)
{
	if (lex_peek(&r->c) == '.')
		return BROKEN;
	for (;;) {
		bool good;
		if (lex_peek(&r->c) == '"') {
			good = lex_quoted(&r->c, &r->text, &r->comment);
		} else {
			size_t from = r->c.at;
			while (lex_peek(&r->c) == '.' ||
				(!cur_at_end(&r->c) && is_char(CH_UATEXT, (char)lex_peek(&r->c))))
				r->c.at++;
			buf_add(&r->text, cur_since(&r->c, from));
			good = lex_cfws(&r->c, &r->comment);
		}
		if (!good || cur_at_end(&r->c))
			return outcome(r, good);
		int next = lex_peek(&r->c);
		if (next != '"' && next != '.' && !is_char(CH_UATEXT, (char)next))
			return COMPLETE;
		buf_byte(&r->text, ' ');
	}
}

/* 1*atext at the cursor, or nothing. */
static str atext(struct reader *r)
{
	size_t from = r->c.at;
	while (!cur_at_end(&r->c) && is_char(CH_UATEXT, r->c.in.p[r->c.at]))
		r->c.at++;
	return cur_since(&r->c, from);
}

/* obs-local-part = word *("." word)                      RFC 5322 4.4
 * Dots may also stand in front, at the end and twice: there are such mailboxes. */
static enum outcome local_part(struct reader *r)
{
	size_t from = r->text.n;
	bool good = true, empty = true, dot;
	do {
		if (lex_peek(&r->c) == '"') {
			good = lex_quoted(&r->c, &r->text, &r->comment);
			empty = false;
		} else {
			str word = atext(r);
			buf_add(&r->text, word);
			empty = empty && word.n == 0;
			good = lex_cfws(&r->c, &r->comment);
		}
		dot = good && lex_take(&r->c, '.');
		if (dot) {
			buf_byte(&r->text, '.');
			empty = false;
			good = lex_cfws(&r->c, &r->comment);
		}
	} while (good && dot);
	good = good && !empty;
	if (good)
		r->now.local = text_since(r, from);
	return outcome(r, good);
}

/* domain-literal = [CFWS] "[" *([FWS] dtext) [FWS] "]" [CFWS]     RFC 5322 3.4.1; kept as it stands */
static bool domain_literal(struct reader *r)
{
	size_t from = r->c.at;
	while (!cur_at_end(&r->c)) {
		char byte = r->c.in.p[r->c.at++];
		if (byte == '\\' && !cur_at_end(&r->c))
			r->c.at++;
		else if (byte == ']') {
			buf_add(&r->text, cur_since(&r->c, from));
			return lex_cfws(&r->c, &r->comment);
		}
	}
	return false;
}

/* dot-atom / obs-domain = atom *("." atom)              RFC 5322 3.4.1, 4.4 */
static bool domain_name(struct reader *r)
{
	for (;;) {
		str label = atext(r);
		buf_add(&r->text, label);
		if (label.n == 0 || !lex_cfws(&r->c, &r->comment))
			return false;
		if (!lex_take(&r->c, '.'))
			return true;
		buf_byte(&r->text, '.');
		if (!lex_cfws(&r->c, &r->comment))
			return false;
	}
}

/* Stands at the "@". */
static bool domain_text(struct reader *r)
{
	r->c.at++;
	if (!lex_cfws(&r->c, &r->comment) || cur_at_end(&r->c))
		return false;
	return lex_peek(&r->c) == '[' ? domain_literal(r) : domain_name(r);
}

static enum outcome domain(struct reader *r)
{
	size_t from = r->text.n;
	bool good = domain_text(r);
	if (good)
		r->now.domain = text_since(r, from);
	return outcome(r, good);
}

/* obs-route = obs-domain-list ":"                        RFC 5322 4.4 */
static bool route(struct reader *r)
{
	size_t from = r->text.n;
	while (lex_peek(&r->c) == '@') {
		if (r->text.n > from)
			buf_byte(&r->text, ',');
		buf_byte(&r->text, '@');
		if (!domain_text(r))
			return false;
		while (lex_take(&r->c, ','))
			if (!lex_cfws(&r->c, &r->comment))
				return false;
	}
	if (!lex_take(&r->c, ':'))
		return false;
	r->now.route = text_since(r, from);
	return lex_cfws(&r->c, &r->comment);
}

/* angle-addr = [CFWS] "<" [obs-route] addr-spec ">" [CFWS]     RFC 5322 3.4, 4.4; stands at the "<" */
static bool angle_address(struct reader *r)
{
	r->c.at++;
	if (!lex_cfws(&r->c, &r->comment))
		return false;
	if (lex_peek(&r->c) == '@' && !route(r))
		r->now.route = S("INVALID_ROUTE");
	int next = lex_peek(&r->c);
	if (next != '>' && local_part(r) != COMPLETE)
		return false;
	if (next != '>' && lex_peek(&r->c) == '@' && domain(r) != COMPLETE)
		return false;
	return lex_take(&r->c, '>') && lex_cfws(&r->c, &r->comment);
}

/* name-addr = [display-name] angle-addr                  RFC 5322 3.4
 * False: this is none, and nothing was kept. */
static bool name_address(struct reader *r, enum outcome *got)
{
	size_t from = r->text.n, at = r->c.at;
	if (phrase(r) != COMPLETE || lex_peek(&r->c) != '<') {
		r->text.n = from;
		r->c.at = at;
		return false;
	}
	if (r->text.n > from)
		r->now.name = text_since(r, from);
	if (!angle_address(r)) {
		r->now.domain = S("SYNTAX_ERROR");
		r->now.broken = true;
	}
	*got = outcome(r, true);
	return true;
}

/* Words that lead to no address: they are a name. Alone and not quoted it may be a mailbox of this machine. */
static void name_without_address(struct reader *r, bool quoted)
{
	str local = r->now.local;
	if (local.p == NULL)
		return;
	size_t from = (size_t)(local.p - r->text.p);
	buf_byte(&r->text, ' ');
	size_t words = r->text.n;
	(void)phrase(r);
	if (r->text.n == words)
		r->text.n = words - 1;
	if (r->text.n >= words || quoted) {
		r->now.name = text_since(r, from);
		r->now.local = NO_STR;
	}
	r->now.broken = true;
}

/* addr-spec = local-part "@" domain                      RFC 5322 3.4.1
 * A comment behind it is the name, as RFC 822 had it. */
static enum outcome bare_address(struct reader *r)
{
	bool quoted = lex_peek(&r->c) == '"', at_sign = false;
	r->comment = NO_STR;
	enum outcome got = local_part(r);
	if (got != ENDED && lex_peek(&r->c) == '@') {
		at_sign = true;
		got = domain(r);
	}
	if (r->comment.n > 0) {
		size_t from = r->text.n;
		lex_unquote(r->comment, &r->text);
		r->now.name = text_since(r, from);
	} else if (!at_sign) {
		name_without_address(r, quoted);
	}
	return outcome(r, got != BROKEN);
}

static enum outcome mailbox(struct reader *r)
{
	enum outcome got;
	if (!name_address(r, &got))
		got = bare_address(r);
	if (got == BROKEN)
		r->now.broken = true;
	add_mailbox(r);
	return got;
}

/* obs-mbox-list = *([CFWS] ",") mailbox *("," [mailbox / CFWS])     RFC 5322 4.4
 * Commas with nothing between them are allowed there and mean nothing. False: a comment has no end. */
static bool commas(struct reader *r)
{
	bool good = true;
	while (good && lex_take(&r->c, ','))
		good = lex_cfws(&r->c, &r->comment);
	return good;
}

/* Up to and with the ";" of a group, whose start has been added. */
static bool group_members(struct reader *r)
{
	bool good = commas(r);
	while (good && !cur_at_end(&r->c) && lex_peek(&r->c) != ';' && r->count < MIME_ADDRESSES_MAX) {
		if (mailbox(r) == ENDED)
			return false;
		if (lex_peek(&r->c) != ',')
			break;
		good = commas(r);
	}
	if (!good)
		return false;
	return lex_take(&r->c, ';') && lex_cfws(&r->c, &r->comment);
}

/* group = display-name ":" [group-list] ";" [CFWS]       RFC 5322 3.4
 * False: this is none, and nothing was kept. */
static bool group(struct reader *r, enum outcome *got)
{
	size_t from = r->text.n, at = r->c.at;
	if (phrase(r) != COMPLETE || lex_peek(&r->c) != ':') {
		r->text.n = from;
		r->c.at = at;
		return false;
	}
	r->c.at++;
	r->now.kind = MIME_GROUP_START;
	r->now.name = text_since(r, from);
	bool good = lex_cfws(&r->c, &r->comment);
	add(r);
	good = good && group_members(r);
	r->now.kind = MIME_GROUP_END;
	r->now.broken = !good;
	add(r);
	*got = outcome(r, true);
	return true;
}

/* address-list = (address *("," address)) / obs-addr-list     RFC 5322 3.4, 4.4 */
static void list(struct reader *r)
{
	bool good = commas(r);
	while (good && !cur_at_end(&r->c) && r->count < MIME_ADDRESSES_MAX) {
		enum outcome got;
		if (!group(r, &got))
			got = mailbox(r);
		if (got == ENDED || lex_peek(&r->c) != ',')
			return;
		good = commas(r);
	}
	if (!good)
		add_mailbox(r);
}

struct mime_address *mime_address_list(struct arena *a, str value)
{
	struct reader r = { .a = a, .c = cur_of(str_slice(value, 0, MIME_VALUE_MAX)) };
	r.last = &r.first;
	if (!lex_cfws(&r.c, &r.comment) || cur_at_end(&r.c))
		return NULL;
	r.text = buf_in(a, r.c.in.n + 1); /* one for a blank that name_without_address() puts between words */
	list(&r);
	return r.text.lost || arena_spent(a) ? NULL : r.first;
}
