/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/reply.h"

#include "base/cur.h"
#include "base/utf8.h"

/* ---- writing ---- */

/* One character at the start of *rest that may leave as it is, or '?' for one byte that may not. */
static str harmless(str *rest, bool utf8)
{
	str before = *rest;
	uint32_t c;
	bool good = utf8_take(rest, &c);
	if (!good)
		*rest = str_after(*rest, 1);
	bool control = good && (c < ' ' || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029);
	if (!good || control || (c >= 0x80 && !utf8))
		return S("?");
	return str_slice(before, 0, before.n - rest->n);
}

/* Takes off *text what fits on a line of that many octets; where it must be cut, at a blank in the second half. */
static void piece(struct buf *line, str *text, bool utf8)
{
	str rest = *text, after_blank = NO_STR;
	size_t kept = 0;
	while (rest.n > 0) {
		str left = rest, c = harmless(&left, utf8);
		if (c.n > line->room - line->n) {
			if (after_blank.p != NULL) {
				line->n = kept;
				rest = after_blank;
			}
			break;
		}
		if (str_eq(c, S(" ")) && line->n > line->room / 2) {
			kept = line->n;
			after_blank = left;
		}
		buf_add(line, c);
		rest = left;
	}
	*text = rest;
}

static void line(struct buf *b, const struct smtp_reply *r, bool last, str text)
{
	char separator = last ? ' ' : '-';
	buf_byte(b, (char)('0' + r->code / 100 % 10));
	buf_byte(b, (char)('0' + r->code / 10 % 10));
	buf_byte(b, (char)('0' + r->code % 10));
	buf_byte(b, separator);
	if (r->enhanced.n > 0) {
		buf_add(b, r->enhanced);
		buf_byte(b, ' ');
	}
	buf_add(b, text);
	buf_add(b, S("\r\n"));
}

void smtp_reply_write(struct buf *b, const struct smtp_reply *r, bool utf8)
{
	char room[SMTP_REPLY_LINE_MAX];
	size_t frame = sizeof "250 \r\n" - 1 + (r->enhanced.n > 0 ? r->enhanced.n + 1 : 0);
	str rest = r->text, text;
	do {
		text = S("");
		str_word(&rest, '\n', &text);
		do {
			struct buf one = { .p = room, .room = sizeof room - frame };
			piece(&one, &text, utf8);
			line(b, r, rest.n == 0 && text.n == 0, buf_str(&one));
		} while (text.n > 0);
	} while (rest.n > 0);
}

/* ---- reading ---- */

/* status-code = class "." subject "." detail, the last two of one to three digits. RFC 2034 4 */
size_t smtp_enhanced_length(str text, int code)
{
	struct cur c = cur_of(text);
	cur_need(&c, (char)('0' + code / 100));
	for (int part = 0; part < 2; part++) {
		cur_need(&c, '.');
		if (cur_run(&c, CH_DIGIT, "digits").n > 3)
			cur_fail(&c, "at most three digits");
	}
	if (!cur_ok(&c) || (!cur_at_end(&c) && cur_peek(&c) != ' '))
		return 0;
	return c.at;
}

void smtp_reply_start(struct smtp_reply_reader *r, char *room, size_t n)
{
	*r = (struct smtp_reply_reader){ .text = { .p = room, .room = n } };
}

static err code_of(str line, int *code, bool *last)
{
	if (line.n < 3 || !str_is(CH_DIGIT, str_slice(line, 0, 3)) || line.p[0] < '2' || line.p[0] > '5')
		return FAIL(SYNTAX);
	if (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-')
		return FAIL(SYNTAX);
	*code = (line.p[0] - '0') * 100 + (line.p[1] - '0') * 10 + (line.p[2] - '0');
	*last = line.n == 3 || line.p[3] == ' ';
	return OK;
}

/* What fits; the buffer is never lost. */
static void keep(struct smtp_reply_reader *r, str text)
{
	size_t room = r->text.room - r->text.n;
	if (text.n > room)
		r->truncated = true;
	buf_add(&r->text, str_slice(text, 0, room));
}

err smtp_reply_line(struct smtp_reply_reader *r, str line)
{
	int code = 0;
	bool last = false;
	if (r->done)
		return FAIL(STATE);
	TRY(code_of(line, &code, &last));
	if (r->lines > 0 && code != r->reply.code)
		return FAIL(SYNTAX);
	if (++r->lines > SMTP_REPLY_LINES_MAX)
		return FAIL(LIMIT);
	r->reply.code = code;
	str text = str_after(line, 4);
	size_t n = smtp_enhanced_length(text, code);
	if (r->lines == 1) {
		memcpy(r->enhanced, text.n > 0 ? text.p : "", n);
		r->enhanced[n] = '\0';
	} else {
		keep(r, S("\n"));
	}
	keep(r, n > 0 ? str_after(text, n + 1) : text);
	r->done = last;
	if (last) {
		r->reply.enhanced = str_of(r->enhanced);
		r->reply.text = buf_str(&r->text);
	}
	return OK;
}
