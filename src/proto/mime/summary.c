/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mime/summary.h"

#include "base/buf.h"
#include "proto/mime/address.h"
#include "proto/mime/decode.h"
#include "proto/mime/header.h"
#include "proto/mime/lex.h"

/* msg-id = [CFWS] "<" id-left "@" id-right ">" [CFWS]     RFC 5322 3.6.4
 * Read as whatever stands between angle brackets without blanks. The next one of text, which is moved behind it. */
static bool id_next(str *text, str *out)
{
	while (text->n > 0) {
		size_t open = str_find(*text, '<');
		if (open == STR_NONE)
			break;
		*text = str_after(*text, open + 1);
		size_t n = 0;
		while (n < text->n && text->p[n] != '<' && text->p[n] != '>' && !lex_blank(text->p[n]))
			n++;
		str id = str_slice(*text, 0, n);
		*text = str_after(*text, n);
		if (text->n > 0 && *text->p == '>' && id.n > 0 && id.n <= MIME_ID_MAX) {
			*out = id;
			return true;
		}
	}
	*text = S("");
	return false;
}

/* Also one without brackets, if it is a single word. */
static str id_first(str value)
{
	str text = str_trim(str_slice(value, 0, MIME_VALUE_MAX)), id = NO_STR;
	str all = text;
	if (id_next(&text, &id))
		return id;
	for (size_t i = 0; i < all.n; i++)
		if (lex_blank(all.p[i]) || all.p[i] == '<' || all.p[i] == '>')
			return NO_STR;
	return all.n > 0 && all.n <= MIME_ID_MAX ? all : NO_STR;
}

static void references_read(struct arena *a, str value, struct mime_summary *s)
{
	str text = str_slice(value, 0, MIME_VALUE_MAX), id;
	size_t count = 0;
	str *list = NEW(a, str, MIME_REFERENCES_MAX);
	while (list != NULL && id_next(&text, &id)) {
		if (count == MIME_REFERENCES_MAX) {
			/* The first one names the thread, the last ones the place in it. */
			memmove(list + 1, list + 2, (MIME_REFERENCES_MAX - 2) * sizeof *list);
			count--;
		}
		list[count++] = id;
	}
	s->references = list;
	s->references_count = count;
}

static str first_local(struct arena *a, str value)
{
	for (struct mime_address *address = mime_address_list(a, value); address != NULL; address = address->next)
		if (address->kind == MIME_MAILBOX)
			return address->local;
	return NO_STR;
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP                     RFC 5256 5; blanks are single by now */
static size_t blob(str s)
{
	if (s.n == 0 || *s.p != '[')
		return 0;
	size_t n = 1;
	while (n < s.n && s.p[n] != '[' && s.p[n] != ']')
		n++;
	if (n == s.n || s.p[n] != ']')
		return 0;
	return n + 1 < s.n && s.p[n + 1] == ' ' ? n + 2 : n + 1;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"     RFC 5256 5 */
static size_t reply_mark(str s)
{
	size_t n = str_starts_nocase(s, S("fwd"))                                   ? 3
		   : str_starts_nocase(s, S("re")) || str_starts_nocase(s, S("fw")) ? 2
										    : 0;
	if (n == 0)
		return 0;
	if (n < s.n && s.p[n] == ' ')
		n++;
	n += blob(str_after(s, n));
	return n < s.n && s.p[n] == ':' ? n + 1 : 0;
}

/* Steps 3 to 5 of RFC 5256 2.1. Blobs in front of no reply mark are looked at once, then removed one by one. */
static str without_leaders(str s, bool *is_reply)
{
	for (;;) {
		size_t blobs = 0, n;
		while (s.n > 0 && *s.p == ' ')
			s = str_after(s, 1);
		while ((n = blob(str_after(s, blobs))) > 0)
			blobs += n;
		n = reply_mark(str_after(s, blobs));
		if (n == 0)
			break;
		s = str_after(s, blobs + n);
		*is_reply = true;
	}
	for (size_t n; (n = blob(s)) > 0 && n < s.n;)
		s = str_after(s, n);
	return s;
}

/* Step 2. */
static str without_trailers(str s, bool *is_reply)
{
	for (;;) {
		if (s.n > 0 && s.p[s.n - 1] == ' ') {
			s.n--;
		} else if (str_ends_nocase(s, S("(fwd)"))) {
			s.n -= 5;
			*is_reply = true;
		} else {
			return s;
		}
	}
}

/* Step 1: every run of blanks is one. Step 6 is the loop. */
static str base_subject(struct arena *a, str subject, bool *is_reply)
{
	struct buf b = buf_in(a, subject.n);
	for (size_t i = 0; i < subject.n; i++)
		if (!lex_blank(subject.p[i]))
			buf_byte(&b, ascii_upper(subject.p[i]));
		else if (b.n == 0 || b.p[b.n - 1] != ' ')
			buf_byte(&b, ' ');
	str s = buf_str(&b);
	for (;;) {
		s = without_leaders(without_trailers(s, is_reply), is_reply);
		if (!str_starts(s, S("[FWD:")) || !str_ends(s, S("]")))
			return b.lost ? NO_STR : s;
		s = str_slice(s, 5, s.n - 1);
		*is_reply = true;
	}
}

/* False: the field is none of these. */
static bool field_take(struct arena *a, const struct mime_field *field, struct mime_summary *s)
{
	str name = field->name, value = field->value;
	if (str_eq_nocase(name, S("Message-ID"))) {
		s->message_id = id_first(value);
	} else if (str_eq_nocase(name, S("In-Reply-To")) && s->in_reply_to.p == NULL) {
		id_next(&value, &s->in_reply_to);
	} else if (str_eq_nocase(name, S("References")) && s->references == NULL) {
		references_read(a, value, s);
	} else if (str_eq_nocase(name, S("Subject"))) {
		s->subject = mime_decode_words(a, value);
	} else if (str_eq_nocase(name, S("Date"))) {
		s->has_date = !failed(mime_date_parse(value, &s->date));
	} else if (str_eq_nocase(name, S("From")) && s->from.p == NULL) {
		s->from = first_local(a, value);
	} else if (str_eq_nocase(name, S("To")) && s->to.p == NULL) {
		s->to = first_local(a, value);
	} else if (str_eq_nocase(name, S("Cc")) && s->cc.p == NULL) {
		s->cc = first_local(a, value);
	} else {
		return false;
	}
	return true;
}

err mime_summarise(struct arena *a, str header, struct mime_summary *out)
{
	struct mime_summary s = { .has_date = false };
	struct mime_field field;
	size_t at = 0, bytes = 0;
	for (int i = 0; i < MIME_FIELDS_MAX && bytes < MIME_VALUE_MAX && mime_field_next(header, &at, &field); i++)
		if (field.name.n >= 2 && field.name.n <= 11 && field_take(a, &field, &s))
			bytes += field.raw.n;
	if (s.subject.p != NULL)
		s.base_subject = base_subject(a, s.subject, &s.is_reply);
	if (arena_spent(a))
		return FAIL(MEMORY);
	*out = s;
	return OK;
}
