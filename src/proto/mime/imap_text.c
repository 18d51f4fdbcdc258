/* SPDX-License-Identifier: Apache-2.0 */
/* ENVELOPE, and the strings that it and BODYSTRUCTURE are made of. Where the RFC leaves open how broken mail is shown,
 * these follow Dovecot, whose answers clients have seen for twenty years: names for what is missing in an address,
 * repeated address fields as one list, the last one of other repeated fields. */
#include "proto/mime/imap_text.h"

#include "proto/mime/address.h"
#include "proto/mime/header.h"
#include "proto/mime/imap_write.h"
#include "proto/mime/lex.h"

/* What reading one header may cost: its values, MIME_ADDRESSES_MAX addresses, and copies of both. */
enum { SCRATCH = 24 << 20 };

/* quoted = DQUOTE *QUOTED-CHAR DQUOTE, literal = "{" number "}" CRLF *CHAR8     RFC 9051 9 */
void mime_imap_string(struct buf *b, str s)
{
	size_t nuls = 0;
	bool literal = false;
	if (s.p == NULL) {
		buf_add(b, S("NIL"));
		return;
	}
	for (size_t i = 0; i < s.n; i++) {
		nuls += s.p[i] == '\0';
		literal = literal || (s.p[i] & 0x80) != 0 || s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0';
	}
	/* CHAR8 is any octet but NUL, so U+FFFD stands for it: two bytes more than the NUL. */
	if (literal) {
		buf_byte(b, '{');
		buf_number(b, s.n + 2 * nuls);
		buf_add(b, S("}\r\n"));
	} else {
		buf_byte(b, '"');
	}
	for (size_t at = 0, from; at < s.n;) {
		for (from = at; at < s.n && s.p[at] != '\0' && (literal || (s.p[at] != '"' && s.p[at] != '\\'));)
			at++;
		buf_add(b, str_slice(s, from, at));
		if (at == s.n)
			break;
		if (s.p[at] != '\0')
			buf_byte(b, '\\');
		buf_add(b, s.p[at] != '\0' ? str_slice(s, at, at + 1) : S("\xef\xbf\xbd"));
		at++;
	}
	if (!literal)
		buf_byte(b, '"');
}

/* Texts that people read: each run of blanks is one. */
static str squeeze(struct arena *a, str s)
{
	bool fine = true;
	for (size_t i = 0; i < s.n && fine; i++)
		fine = !lex_blank(s.p[i]) || (s.p[i] == ' ' && i > 0 && i + 1 < s.n && !lex_blank(s.p[i + 1]));
	if (fine)
		return s;
	struct buf b = buf_in(a, s.n);
	for (size_t i = 0; i < s.n; i++) {
		if (!lex_blank(s.p[i]))
			buf_byte(&b, s.p[i]);
		else if (b.n > 0 && b.p[b.n - 1] != ' ')
			buf_byte(&b, ' ');
	}
	if (b.n > 0 && b.p[b.n - 1] == ' ')
		b.n--;
	return b.lost ? NO_STR : buf_str(&b);
}

static void address_write(struct arena *a, struct buf *b, const struct mime_address *address)
{
	buf_byte(b, '(');
	switch (address->kind) {
	case MIME_MAILBOX:
		mime_imap_string(b, squeeze(a, address->name));
		buf_byte(b, ' ');
		mime_imap_string(b, address->route);
		buf_byte(b, ' ');
		mime_imap_string(b, address->local.p != NULL ? address->local : S("MISSING_MAILBOX"));
		buf_byte(b, ' ');
		mime_imap_string(b, address->domain.p != NULL ? address->domain : S("MISSING_DOMAIN"));
		break;
	case MIME_GROUP_START:
		/* RFC 9051 7.5.2: the name of a group stands where the mailbox stands, the host is NIL. */
		buf_add(b, S("NIL NIL "));
		mime_imap_string(b, address->name);
		buf_add(b, S(" NIL"));
		break;
	case MIME_GROUP_END:
		buf_add(b, S("NIL NIL NIL NIL"));
		break;
	}
	buf_byte(b, ')');
}

struct address_list {
	struct mime_address *first, **last;
};

static void addresses_write(struct arena *a, struct buf *b, const struct mime_address *list)
{
	buf_add(b, list != NULL ? S(" (") : S(" NIL"));
	for (const struct mime_address *address = list; address != NULL; address = address->next)
		address_write(a, b, address);
	if (list != NULL)
		buf_byte(b, ')');
}

enum { DATE, SUBJECT, IN_REPLY_TO, MESSAGE_ID, TEXTS };
enum { FROM, SENDER, REPLY_TO, TO, CC, BCC, LISTS };

struct envelope {
	str texts[TEXTS];
	struct address_list lists[LISTS];
	size_t addresses;
};

static int name_find(str name, const str *names, int count)
{
	for (int i = 0; i < count; i++)
		if (str_eq_nocase(name, names[i]))
			return i;
	return -1;
}

/* True when the field is one of an envelope. */
static bool field_take(struct arena *a, struct envelope *e, const struct mime_field *field)
{
	static const str texts[TEXTS] = { S("Date"), S("Subject"), S("In-Reply-To"), S("Message-ID") };
	static const str lists[LISTS] = { S("From"), S("Sender"), S("Reply-To"), S("To"), S("Cc"), S("Bcc") };
	int i = name_find(field->name, texts, TEXTS);
	if (i >= 0) {
		e->texts[i] = mime_unfold(a, field->value);
		return true;
	}
	i = name_find(field->name, lists, LISTS);
	if (i < 0)
		return false;
	struct address_list *list = e->lists + i;
	if (e->addresses < MIME_ADDRESSES_MAX)
		*list->last = mime_address_list(a, mime_unfold(a, field->value));
	for (; *list->last != NULL; e->addresses++)
		list->last = &(*list->last)->next;
	return true;
}

static void envelope_read(struct arena *a, str header, struct envelope *e)
{
	struct mime_field field;
	size_t at = 0, bytes = 0;
	for (int i = 0; i < LISTS; i++)
		e->lists[i].last = &e->lists[i].first;
	for (int i = 0; i < MIME_FIELDS_MAX && bytes < MIME_VALUE_MAX && mime_field_next(header, &at, &field); i++)
		if (field.name.n >= 2 && field.name.n <= 11 && field_take(a, e, &field))
			bytes += field.raw.n;
}

void imap_write_envelope(struct arena *a, struct buf *b, str header)
{
	struct envelope e = { .texts = { NO_STR } };
	envelope_read(a, header, &e);
	if (e.lists[SENDER].first == NULL)
		e.lists[SENDER] = e.lists[FROM];
	if (e.lists[REPLY_TO].first == NULL)
		e.lists[REPLY_TO] = e.lists[FROM];
	buf_byte(b, '(');
	mime_imap_string(b, e.texts[DATE]);
	buf_byte(b, ' ');
	mime_imap_string(b, squeeze(a, e.texts[SUBJECT]));
	for (int i = 0; i < LISTS; i++)
		addresses_write(a, b, e.lists[i].first);
	buf_byte(b, ' ');
	mime_imap_string(b, e.texts[IN_REPLY_TO]);
	buf_byte(b, ' ');
	mime_imap_string(b, e.texts[MESSAGE_ID]);
	buf_byte(b, ')');
}

err imap_text_make(struct arena *a, size_t room, imap_write_fn *write, const void *of, str *out)
{
	struct arena *scratch = arena_new("mime text", SCRATCH);
	err e = OK;
	for (;; room *= 4) {
		if (room > IMAP_TEXT_MAX)
			room = IMAP_TEXT_MAX;
		struct buf b = buf_in(a, room);
		write(scratch, &b, of);
		if (!b.lost)
			*out = buf_str(&b);
		else if (arena_spent(a))
			e = FAIL(MEMORY);
		else if (room == IMAP_TEXT_MAX)
			e = FAIL(LIMIT);
		else {
			arena_reset(scratch);
			continue;
		}
		break;
	}
	arena_free(&scratch);
	return e;
}

static void envelope_write(struct arena *scratch, struct buf *b, const void *of)
{
	imap_write_envelope(scratch, b, *(const str *)of);
}

err mime_envelope(struct arena *a, str header, str *out)
{
	return imap_text_make(a, 500 + (header.n < 4000 ? header.n : 4000), envelope_write, &header, out);
}
