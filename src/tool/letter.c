/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/letter.h"

#include "base/chars.h"
#include "proto/mime/address.h"
#include "proto/mime/date.h"
#include "proto/mime/header.h"

enum { BUILD_ROOM = 4 * LETTER_HEADER_MAX };

enum trait {
	RECIPIENT = 1 << 0, /* -t takes recipients from it */
	RESENT = 1 << 1,
	DROPPED = 1 << 2,   /* is not for the recipients, or not for a sender to say */
	ADDRESSES = 1 << 3, /* names in it are completed */
};

/* clang-format off */
static const struct {
	const char *name;
	unsigned traits;
} known[] = {
	{ "To",              RECIPIENT | ADDRESSES },
	{ "Cc",              RECIPIENT | ADDRESSES },
	{ "Bcc",             RECIPIENT | DROPPED },
	{ "Resent-To",       RECIPIENT | RESENT | ADDRESSES },
	{ "Resent-Cc",       RECIPIENT | RESENT | ADDRESSES },
	{ "Resent-Bcc",      RECIPIENT | RESENT | DROPPED },
	{ "From",            ADDRESSES },
	{ "Sender",          ADDRESSES },
	{ "Reply-To",        ADDRESSES },
	{ "Resent-From",     ADDRESSES },
	{ "Resent-Sender",   ADDRESSES },
	{ "Resent-Reply-To", ADDRESSES },
	{ "Return-Path",     DROPPED },
};
/* clang-format on */

struct making {
	const struct letter_wish *wish;
	struct arena *arena;
	struct letter letter;
	struct buf header;
	bool has_from, has_date, has_id, is_resent;
};

static unsigned traits_of(str name)
{
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (str_eq_nocase(str_trim(name), str_of(known[i].name)))
			return known[i].traits;
	return 0;
}

/* ---- addresses ---- */

/* Dot-string or quoted: RFC 5321 4.1.2 */
static void write_local(struct buf *b, str local)
{
	bool plain = local.n > 0 && local.p[0] != '.' && local.p[local.n - 1] != '.';
	for (size_t i = 0; i < local.n && plain; i++)
		plain = (unsigned char)local.p[i] >= 0x80 || is_char(CH_ATEXT, local.p[i]) ||
			(local.p[i] == '.' && local.p[i - 1] != '.');
	if (plain) {
		buf_add(b, local);
		return;
	}
	buf_byte(b, '"');
	for (size_t i = 0; i < local.n; i++) {
		if (local.p[i] == '"' || local.p[i] == '\\')
			buf_byte(b, '\\');
		buf_byte(b, local.p[i]);
	}
	buf_byte(b, '"');
}

static void write_address(struct buf *b, str local, str domain)
{
	write_local(b, local);
	buf_byte(b, '@');
	buf_add(b, domain);
}

str letter_complete(str address, str domain, struct arena *a)
{
	size_t at = str_find_last(address, '@');
	struct buf b = buf_in(a, address.n + domain.n + 2);
	buf_add(&b, address);
	if (at == STR_NONE && address.n > 0)
		buf_addf(&b, "@%.*s", ARG(domain));
	str done;
	return failed(buf_done(&b, &done)) ? NO_STR : done;
}

/* A display name; encoded words stay words, so they are never quoted. RFC 2047 5 */
static void write_name(struct buf *b, str name)
{
	bool plain = true;
	for (size_t i = 0; i < name.n; i++)
		plain = plain && (is_char(CH_ATEXT, name.p[i]) || name.p[i] == ' ' || (unsigned char)name.p[i] >= 0x80);
	if (plain) {
		buf_add(b, name);
		return;
	}
	buf_byte(b, '"');
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '"' || name.p[i] == '\\')
			buf_byte(b, '\\');
		buf_byte(b, name.p[i] == '\r' || name.p[i] == '\n' ? ' ' : name.p[i]);
	}
	buf_byte(b, '"');
}

static bool lacks_domain(const struct mime_address *m)
{
	return m->kind == MIME_MAILBOX && m->local.n > 0 && m->domain.n == 0;
}

static bool is_bad(const struct mime_address *m)
{
	return m->kind == MIME_MAILBOX && (m->local.n == 0 || (m->broken && m->domain.n > 0));
}

static void write_mailbox(struct buf *b, const struct mime_address *m, str domain)
{
	if (m->name.n > 0) {
		write_name(b, m->name);
		buf_add(b, S(" <"));
	}
	write_address(b, m->local, m->domain.n > 0 ? m->domain : domain);
	if (m->name.n > 0)
		buf_byte(b, '>');
}

/* One address a line, so that no line becomes too long. */
static void write_list(struct buf *b, const struct mime_address *list, str domain)
{
	bool first = true;
	for (const struct mime_address *m = list; m != NULL; m = m->next) {
		if (m->kind == MIME_GROUP_END) {
			buf_byte(b, ';');
			first = false;
			continue;
		}
		buf_add(b, first ? S(" ") : S(",\n "));
		first = m->kind == MIME_GROUP_START;
		if (m->kind == MIME_GROUP_START) {
			write_name(b, m->name);
			buf_byte(b, ':');
		} else {
			write_mailbox(b, m, domain);
		}
	}
}

/* The field with all its names completed; false: it is better left as it is. */
static bool complete_field(struct making *m, const struct mime_field *f)
{
	bool any = false;
	const struct mime_address *list = mime_address_list(m->arena, f->value);
	for (const struct mime_address *one = list; one != NULL; one = one->next) {
		if (is_bad(one))
			return false;
		any = any || lacks_domain(one);
	}
	if (!any)
		return false;
	buf_addf(&m->header, "%.*s:", ARG(f->name));
	write_list(&m->header, list, m->wish->domain);
	buf_byte(&m->header, '\n');
	return true;
}

static err fail(struct making *m, err e, const char *wrong)
{
	m->letter.wrong = wrong;
	return e;
}

static err add_recipients(struct making *m, str value)
{
	struct letter *l = &m->letter;
	for (const struct mime_address *one = mime_address_list(m->arena, value); one != NULL; one = one->next) {
		if (one->kind != MIME_MAILBOX)
			continue;
		if (is_bad(one))
			return fail(m, FAIL(SYNTAX), "the field To, Cc or Bcc holds something that is not an address");
		if (l->recipients == NULL)
			l->recipients = NEW(m->arena, str, LETTER_RECIPIENTS_MAX);
		if (l->recipients == NULL || l->count == LETTER_RECIPIENTS_MAX)
			return fail(m, FAIL(LIMIT), "the header names too many recipients");
		struct buf b = buf_in(m->arena, 2 * one->local.n + one->domain.n + m->wish->domain.n + 4);
		write_address(&b, one->local, one->domain.n > 0 ? one->domain : m->wish->domain);
		if (failed(buf_done(&b, &l->recipients[l->count++])))
			return fail(m, FAIL(LIMIT), "the header is too long");
	}
	return OK;
}

/* ---- fields ---- */

static err take_field(struct making *m, const struct mime_field *f)
{
	str name = str_trim(f->name);
	unsigned traits = traits_of(f->name);
	m->has_from = m->has_from || str_eq_nocase(name, S("From"));
	m->has_date = m->has_date || str_eq_nocase(name, S("Date"));
	m->has_id = m->has_id || str_eq_nocase(name, S("Message-ID"));
	if (m->wish->reads_recipients && (traits & RECIPIENT) != 0 && ((traits & RESENT) != 0) == m->is_resent)
		TRY(add_recipients(m, f->value));
	if ((traits & DROPPED) != 0 || ((traits & ADDRESSES) != 0 && complete_field(m, f)))
		return OK;
	buf_add(&m->header, f->raw);
	if (!str_ends(f->raw, S("\n")))
		buf_byte(&m->header, '\n');
	return OK;
}

static void add_missing(struct making *m)
{
	const struct letter_wish *w = m->wish;
	struct buf *b = &m->header;
	if (!m->has_from) {
		struct mime_address from = { .name = w->full_name };
		size_t at = str_find_last(w->sender, '@');
		from.local = str_slice(w->sender, 0, at);
		from.domain = at != STR_NONE ? str_after(w->sender, at + 1) : w->domain;
		buf_add(b, S("From: "));
		write_mailbox(b, &from, w->domain);
		buf_byte(b, '\n');
	}
	if (!m->has_date) {
		buf_add(b, S("Date: "));
		mime_date_write(b, (struct mime_date){ w->now, w->minutes_east });
		buf_byte(b, '\n');
	}
	if (!m->has_id)
		buf_addf(b, "Message-ID: <%.*s@%.*s>\n", ARG(w->unique), ARG(w->domain));
}

/* Where the header ends: at an empty line, or before a line that is no field (RFC 5322 2.2). */
static size_t header_end(str input, size_t from, bool *is_resent)
{
	struct mime_field f;
	size_t at = from, end = from;
	while (mime_field_next(input, &at, &f) && f.name.n > 0) {
		unsigned traits = traits_of(f.name);
		*is_resent = *is_resent || (traits & (RECIPIENT | RESENT)) == (RECIPIENT | RESENT);
		end = at;
	}
	return end;
}

err letter_make(str input, const struct letter_wish *wish, struct arena *a, struct letter *out)
{
	struct making m = { .wish = wish, .arena = a, .header = buf_in(a, BUILD_ROOM) };
	struct mime_field f;
	size_t at = 0, end;
	err e = OK;
	if (str_starts(input, S("From "))) /* of a file of messages (mbox) */
		at = str_find(input, '\n') != STR_NONE ? str_find(input, '\n') + 1 : input.n;
	end = header_end(input, at, &m.is_resent);
	if (end > LETTER_HEADER_MAX)
		e = fail(&m, FAIL(LIMIT), "the header is too long");
	str header = str_slice(input, 0, end);
	while (!failed(e) && mime_field_next(header, &at, &f))
		e = take_field(&m, &f);
	add_missing(&m);
	buf_byte(&m.header, '\n');
	if (!failed(e) && (m.header.lost || arena_spent(a)))
		e = fail(&m, FAIL(LIMIT), "the header is too long");
	if (failed(e)) {
		out->wrong = m.letter.wrong;
		return e;
	}
	m.letter.header = buf_str(&m.header);
	m.letter.body = str_after(input, end + (end < input.n ? mime_empty_line(input, end) : 0));
	*out = m.letter;
	return OK;
}
