/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/srs.h"

#include "base/chars.h"
#include "base/cur.h"
#include "proto/smtp/path.h"

enum { PREFIX = 5, DAY_LETTERS = 2, FORWARD_LETTERS_MAX = 7, DAY_MS = 86400000 };

static const str prefixes[] = { [SRS_RETURN] = { "SRS0=", PREFIX }, [SRS_CONSENT] = { "FWD0=", PREFIX } };
static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567"; /* RFC 4648 6, without case */

/* -1: no letter of base32. */
static int value_of(char c)
{
	const char *at = c != '\0' ? strchr(letters, ascii_lower(c)) : NULL;
	return at != NULL ? (int)(at - letters) : -1;
}

static bool read_number(str s, uint64_t highest, uint64_t *out)
{
	uint64_t number = 0;
	if (s.n == 0 || s.n > FORWARD_LETTERS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		int value = value_of(s.p[i]);
		if (value < 0)
			return false;
		number = number << 5 | (unsigned)value;
	}
	*out = number;
	return number <= highest;
}

static void write_number(struct buf *out, uint64_t number, unsigned fewest)
{
	unsigned digits = FORWARD_LETTERS_MAX;
	while (digits > fewest && number >> (5 * (digits - 1)) == 0)
		digits--;
	while (digits-- > 0)
		buf_byte(out, ascii_upper(letters[number >> (5 * digits) & 31]));
}

/* Each number is written in one way only, so that what was signed is what is read. */
static bool read_forward(str s, uint32_t *out)
{
	uint64_t number;
	if (!read_number(s, UINT32_MAX, &number) || number == 0 || value_of(s.p[0]) == 0)
		return false;
	*out = (uint32_t)number;
	return true;
}

static bool read_signature(str s)
{
	for (size_t i = 0; i < SRS_SIGNATURE; i++)
		if (value_of(s.p[i]) < 0)
			return false;
	return true;
}

static bool read_fields(str fields, struct srs *s)
{
	str rest = fields, first, day;
	uint64_t number;
	bool has_sender = str_cut(&rest, '=', &first) && str_cut(&rest, '=', &day);
	if (!has_sender) { /* the last field is the day */
		rest = fields;
		if (!str_cut(&rest, '=', &first))
			return false;
		day = rest;
		rest = S("");
	}
	if (first.n <= SRS_SIGNATURE || day.n != DAY_LETTERS || !read_number(day, SRS_DAYS - 1, &number) ||
		!read_signature(first) || !read_forward(str_after(first, SRS_SIGNATURE), &s->forward))
		return false;
	s->signature = str_slice(first, 0, SRS_SIGNATURE);
	s->day = (unsigned)number;
	s->sender = rest;
	size_t between = str_find(rest, '=');
	return s->kind == SRS_CONSENT ? !has_sender : has_sender && between != STR_NONE && between > 0;
}

err srs_parse(str local, struct srs *out)
{
	struct srs s = { .kind = SRS_RETURN };
	if (str_starts_nocase(local, prefixes[SRS_CONSENT]))
		s.kind = SRS_CONSENT;
	else if (!str_starts_nocase(local, prefixes[SRS_RETURN]))
		return FAIL(SYNTAX);
	if (local.n > SMTP_LOCAL_MAX || !read_fields(str_after(local, PREFIX), &s))
		return FAIL(SYNTAX);
	*out = s;
	return OK;
}

/* Dots need no quotes where they stand between atoms (RFC 5321 4.1.2); in front of the local part there is a "=". */
static bool needs_no_quotes(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_char(CH_ATEXT, s.p[i]) && (s.p[i] != '.' || i + 1 == s.n || s.p[i + 1] == '.'))
			return false;
	return s.n > 0;
}

void srs_sender(str address, uint32_t forward, struct buf *out)
{
	char room[FORWARD_LETTERS_MAX];
	struct buf number = BUF_ON(room);
	size_t at = str_find_last(address, '@');
	write_number(&number, forward, 1);
	str local = at != STR_NONE ? str_slice(address, 0, at) : NO_STR,
	    domain = at != STR_NONE ? str_after(address, at + 1) : NO_STR;
	size_t before = PREFIX + SRS_SIGNATURE + number.n + 1 + DAY_LETTERS + 1;
	if (before + address.n > SMTP_LOCAL_MAX || !needs_no_quotes(local) || !needs_no_quotes(domain) ||
		str_find(domain, '=') != STR_NONE)
		buf_add(out, S("other=sender"));
	else
		buf_addf(out, "%.*s=%.*s", ARG(domain), ARG(local));
}

static void write_fields(const struct srs *s, struct buf *out)
{
	write_number(out, s->forward, 1);
	buf_byte(out, '=');
	write_number(out, s->day % SRS_DAYS, DAY_LETTERS);
	if (s->kind != SRS_RETURN)
		return;
	buf_byte(out, '=');
	buf_add(out, s->sender); /* all of it: there may be NULs */
}

void srs_signed(const struct srs *s, str belongs_to, struct buf *out)
{
	size_t from = out->n;
	buf_add(out, prefixes[s->kind]);
	write_fields(s, out);
	for (size_t i = from; i < out->n; i++)
		out->p[i] = ascii_lower(out->p[i]);
	buf_byte(out, '\n');
	buf_add(out, belongs_to);
}

void srs_signature(const uint8_t signature[SRS_SIGNATURE_BYTES], char out[SRS_SIGNATURE])
{
	uint64_t bits = 0;
	for (size_t i = 0; i < SRS_SIGNATURE_BYTES; i++)
		bits = bits << 8 | signature[i];
	for (size_t i = 0; i < SRS_SIGNATURE; i++)
		out[i] = ascii_upper(letters[bits >> (5 * (SRS_SIGNATURE - 1 - i)) & 31]);
}

void srs_write(const struct srs *s, const uint8_t signature[SRS_SIGNATURE_BYTES], struct buf *out)
{
	char text[SRS_SIGNATURE];
	srs_signature(signature, text);
	buf_add(out, prefixes[s->kind]);
	buf_add(out, str_from(text, sizeof text));
	write_fields(s, out);
}

unsigned srs_day(int64_t utc_ms) { return (unsigned)(utc_ms / DAY_MS % SRS_DAYS); }

bool srs_is_current(unsigned day, int64_t utc_ms, unsigned most)
{
	unsigned age = (srs_day(utc_ms) + SRS_DAYS - day % SRS_DAYS) % SRS_DAYS;
	return age <= most || age == SRS_DAYS - 1;
}
