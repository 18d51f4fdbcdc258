/* SPDX-License-Identifier: Apache-2.0 */
/* Three things must be remembered between chunks: whether the next byte begins a line, or follows a dot at its
 * beginning, or the CR behind that dot. The dot is withheld from the start: unless CRLF follows it is a stuffed one and
 * goes (RFC 5321 4.5.2); only that CR may have to be handed out later. All else streams through in place. */
#include "proto/smtp/data.h"

enum { LINE_START, DOT, DOT_CR, TEXT };

struct smtp_data smtp_data_start(void) { return (struct smtp_data){ .stuffed = true, .state = LINE_START }; }

struct smtp_data smtp_data_start_binary(void) { return (struct smtp_data){ .stuffed = false, .state = LINE_START }; }

/* ---- what is counted ---- */

static void scan_bytes(struct smtp_data *d, str s)
{
	if ((d->marks & SMTP_DATA_EIGHT_BIT) == 0) {
		uint64_t all = 0, word;
		size_t i = 0;
		for (; i + sizeof word <= s.n; i += sizeof word) {
			memcpy(&word, s.p + i, sizeof word);
			all |= word;
		}
		for (; i < s.n; i++)
			all |= (unsigned char)s.p[i];
		if ((all & 0x8080808080808080) != 0)
			d->marks |= SMTP_DATA_EIGHT_BIT;
	}
	if ((d->marks & SMTP_DATA_NUL) == 0 && str_find(s, '\0') != STR_NONE)
		d->marks |= SMTP_DATA_NUL;
}

/* Keeps the first bytes of a header line and compares once they are all there. */
static void note_header(struct smtp_data *d, str piece)
{
	if (d->start_length == sizeof d->start)
		return;
	str more = str_slice(piece, 0, sizeof d->start - d->start_length);
	if (more.n > 0)
		memcpy(d->start + d->start_length, more.p, more.n);
	d->start_length = (uint8_t)(d->start_length + more.n);
	if (str_eq_nocase((str){ d->start, d->start_length }, S("Received:")))
		d->received++;
}

static void end_line(struct smtp_data *d)
{
	uint64_t length = d->line - 2;
	d->lines++;
	if (length > d->line_max)
		d->line_max = length;
	if (!d->in_body && length == 0) {
		d->in_body = true;
		d->header_marks = (uint8_t)d->marks;
	}
	d->line = 0;
	d->start_length = 0;
	d->state = LINE_START;
}

/* ---- the stream ---- */

/* The rest of a line, or what the chunk has of it; a bare LF belongs to the line but ends the piece. Its length. */
static size_t piece(struct smtp_data *d, str s)
{
	size_t lf = str_find(s, '\n');
	bool ends = lf != STR_NONE;
	size_t before = ends ? lf : s.n, n = ends ? lf + 1 : s.n;
	if (before > 0) {
		size_t cr = str_find(str_slice(s, 0, before), '\r');
		if (d->cr || (cr != STR_NONE && cr + 1 < before))
			d->marks |= SMTP_DATA_BARE_CR;
		d->cr = s.p[before - 1] == '\r';
	}
	if (!d->in_body) {
		note_header(d, str_slice(s, 0, n));
		d->header_size += n;
	}
	d->line += n;
	d->size += n;
	if (ends) {
		if (d->cr)
			end_line(d);
		else
			d->marks |= SMTP_DATA_BARE_LF;
		d->cr = false;
	}
	return n;
}

/* Everything up to the next dot at the beginning of a line. */
static str stretch(struct smtp_data *d, str chunk)
{
	size_t n = 0;
	while (n < chunk.n) {
		if (d->state == LINE_START) {
			if (d->stuffed && chunk.p[n] == '.')
				break;
			d->state = TEXT;
		}
		n += piece(d, str_after(chunk, n));
	}
	return str_slice(chunk, 0, n);
}

unsigned smtp_data_header_marks(const struct smtp_data *d) { return d->in_body ? d->header_marks : d->marks; }

static void skip(str *chunk) { *chunk = str_after(*chunk, 1); }

bool smtp_data_next(struct smtp_data *d, str *chunk, str *span)
{
	str found = { NULL, 0 };
	while (found.n == 0 && chunk->n > 0 && !d->ended) {
		char next = chunk->p[0];
		if (d->state == LINE_START && d->stuffed && next == '.') {
			d->state = DOT;
			skip(chunk);
		} else if (d->state == DOT && next == '\r') {
			d->state = DOT_CR;
			skip(chunk);
		} else if (d->state == DOT_CR && next == '\n') {
			d->ended = true;
			skip(chunk);
		} else if (d->state == DOT_CR) {
			/* The CR was the line's first byte after all. */
			d->state = TEXT;
			found = S("\r");
			piece(d, found);
		} else {
			if (d->state == DOT)
				d->state = TEXT;
			found = stretch(d, *chunk);
			*chunk = str_after(*chunk, found.n);
			scan_bytes(d, found);
		}
	}
	*span = found;
	return found.n > 0;
}
