/* SPDX-License-Identifier: Apache-2.0 */
/* The strict reader: RFC 5322 3.4 with the obsolete forms left out, but for dots in display names, which everybody
 * writes and nobody misreads. It decides who speaks, so it refuses what another reader might take for somebody else. */
#include "base/buf.h"
#include "base/cur.h"
#include "base/utf8.h"
#include "proto/mime/address.h"
#include "proto/mime/header.h"

struct reader {
	struct cur c;
	struct buf text; /* display names and local parts, without quotes */
};

/* CFWS = (1*([FWS] comment) [FWS]) / FWS                 RFC 5322 3.2.2 */
static void cfws(struct cur *c)
{
	while (cur_peek(c) >= 0) {
		cur_any(c, CH_WSP);
		if (!cur_take(c, '('))
			return;
		for (size_t depth = 1; depth > 0 && cur_ok(c);) {
			str byte = cur_bytes(c, 1);
			if (!cur_ok(c))
				return;
			if (*byte.p == '\\')
				cur_bytes(c, 1);
			else if (*byte.p == '(')
				depth++;
			else if (*byte.p == ')')
				depth--;
		}
	}
}

/* quoted-string = DQUOTE *([FWS] qcontent) [FWS] DQUOTE     RFC 5322 3.2.4 */
static void quoted_string(struct reader *r)
{
	cur_need(&r->c, '"');
	while (cur_ok(&r->c) && !cur_take(&r->c, '"')) {
		cur_take(&r->c, '\\');
		buf_add(&r->text, cur_bytes(&r->c, 1));
	}
}

static bool at_word(const struct cur *c)
{
	int next = cur_peek(c);
	return next == '"' || next == '.' || (next >= 0 && is_char(CH_UATEXT, (char)next));
}

/* obs-phrase = word *(word / "." / CFWS)                 RFC 5322 4.1
 * A dot in front makes it none: the lenient reader stops there. */
static str phrase(struct reader *r)
{
	size_t from = r->text.n;
	bool space = false;
	if (cur_peek(&r->c) == '.')
		return NO_STR;
	while (at_word(&r->c)) {
		if (space)
			buf_byte(&r->text, ' ');
		if (cur_peek(&r->c) == '"')
			quoted_string(r);
		else if (!cur_take(&r->c, '.'))
			buf_add(&r->text, cur_run(&r->c, CH_UATEXT, "a word"));
		else
			buf_byte(&r->text, '.');
		size_t at = r->c.at;
		cfws(&r->c);
		space = r->c.at > at;
	}
	return str_from(r->text.p + from, r->text.n - from);
}

/* local-part = dot-atom / quoted-string                  RFC 5322 3.4.1 */
static str local_part(struct reader *r)
{
	size_t from = r->text.n;
	if (cur_peek(&r->c) == '"') {
		quoted_string(r);
	} else {
		size_t start = r->c.at;
		do
			cur_run(&r->c, CH_UATEXT, "a local part");
		while (cur_take(&r->c, '.'));
		buf_add(&r->text, cur_since(&r->c, start));
	}
	str local = str_from(r->text.p + from, r->text.n - from);
	if (local.n == 0)
		cur_fail(&r->c, "a local part");
	return local;
}

/* domain = dot-atom / domain-literal                     RFC 5322 3.4.1
 * Labels are those of host names, since no other domain can have sent mail. */
static str domain(struct reader *r)
{
	size_t from = r->c.at;
	if (cur_take(&r->c, '[')) {
		while (cur_peek(&r->c) > ' ' && cur_peek(&r->c) != '[' && cur_peek(&r->c) != ']' &&
			cur_peek(&r->c) != '\\')
			cur_bytes(&r->c, 1);
		cur_need(&r->c, ']');
	} else {
		do
			cur_run(&r->c, CH_ULDH, "a domain");
		while (cur_take(&r->c, '.'));
	}
	return cur_since(&r->c, from);
}

static void address(struct reader *r, struct mime_mailbox *out)
{
	cfws(&r->c);
	out->local = local_part(r);
	cur_need(&r->c, '@');
	out->domain = domain(r);
	cfws(&r->c);
}

/* mailbox = name-addr / addr-spec                        RFC 5322 3.4
 * Which of both is seen from the byte behind the first phrase, which is then read again as what it is. */
static struct mime_mailbox mailbox(struct reader *r)
{
	struct mime_mailbox box = { .name = NO_STR };
	cfws(&r->c);
	struct reader ahead = *r;
	str name = phrase(&ahead);
	if (cur_take(&ahead.c, '<')) {
		*r = ahead;
		if (name.n > 0)
			box.name = name;
		address(r, &box);
		cur_need(&r->c, '>');
		cfws(&r->c);
	} else {
		address(r, &box);
	}
	return box;
}

static bool is_clean(str value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char byte = (unsigned char)value.p[i];
		bool folding = byte == '\n' && (i + 1 == value.n || is_char(CH_WSP, value.p[i + 1]));
		bool line_end = byte == '\r' && i + 1 < value.n && value.p[i + 1] == '\n';
		if ((byte < ' ' && byte != '\t' && !folding && !line_end) || byte == 0x7f)
			return false;
	}
	return str_is_utf8(value);
}

err mime_mailbox_list(struct arena *a, str value, size_t max, struct mime_mailbox **out, size_t *count)
{
	if (value.n > MIME_VALUE_MAX)
		return FAIL(LIMIT);
	if (!is_clean(value))
		return FAIL(SYNTAX);
	str line = mime_unfold(a, value);
	struct reader r = { .c = cur_of(line), .text = buf_in(a, line.n) };
	size_t most = 1, n = 0;
	for (size_t i = 0; i < line.n && most < max; i++)
		most += line.p[i] == ',';
	struct mime_mailbox *list = NEW(a, struct mime_mailbox, most);
	if (list == NULL || r.text.lost)
		return FAIL(MEMORY);
	do {
		if (n == max)
			return FAIL(LIMIT);
		list[n++] = mailbox(&r);
	} while (cur_take(&r.c, ','));
	cur_end(&r.c);
	TRY(r.c.e);
	*out = list;
	*count = n;
	return OK;
}
