/* SPDX-License-Identifier: Apache-2.0 */
/* Clauses are folded before they would pass 78 columns. What a peer chose is written only in forms that cannot end the
 * clause or the comment it stands in. */
#include "proto/smtp/received.h"

#include "proto/smtp/command.h"

enum { COLUMNS = 78, CLAUSE_MAX = 700 };

/* RFC 3848; UTF8SMTP and its kin are of RFC 6531 4.3 */
str smtp_with_name(unsigned with)
{
	static const str names[2][2][4] = {
		{ { S("ESMTP"), S("ESMTPS"), S("ESMTPA"), S("ESMTPSA") },
			{ S("UTF8SMTP"), S("UTF8SMTPS"), S("UTF8SMTPA"), S("UTF8SMTPSA") } },
		{ { S("LMTP"), S("LMTPS"), S("LMTPA"), S("LMTPSA") },
			{ S("UTF8LMTP"), S("UTF8LMTPS"), S("UTF8LMTPA"), S("UTF8LMTPSA") } },
	};
	bool lmtp = (with & SMTP_WITH_LMTP) != 0;
	if (!lmtp && (with & SMTP_WITH_ESMTP) == 0)
		return S("SMTP");
	unsigned security = ((with & SMTP_WITH_TLS) != 0 ? 1 : 0) | ((with & SMTP_WITH_AUTH) != 0 ? 2 : 0);
	return names[lmtp][(with & SMTP_WITH_UTF8) != 0][security];
}

struct writer {
	struct buf *b;
	size_t column;
	bool utf8;
};

static void clause(struct writer *w, str text)
{
	if (w->column + 1 + text.n > COLUMNS) {
		buf_add(w->b, S("\r\n\t"));
		w->column = 8;
	} else {
		buf_byte(w->b, ' ');
		w->column++;
	}
	buf_add(w->b, text);
	w->column += text.n;
}

/* Text inside a comment: no brackets, no backslashes, nothing but printable ASCII, or UTF-8 where that is agreed. */
static void comment_text(const struct writer *w, struct buf *b, str text)
{
	for (size_t i = 0; i < text.n && i < SMTP_DOMAIN_MAX; i++) {
		char c = text.p[i];
		bool high = (unsigned char)c >= 0x80;
		bool bad = high ? !w->utf8 : !is_char(CH_PRINT, c) || c == '(' || c == ')' || c == '\\';
		buf_byte(b, bad ? '?' : c);
	}
}

static bool may_stand_plain(const struct writer *w, str helo)
{
	enum smtp_helo_kind kind;
	if (failed(smtp_helo_parse(helo, &kind)) || kind == SMTP_HELO_ODD)
		return false;
	for (size_t i = 0; i < helo.n && !w->utf8; i++)
		if ((unsigned char)helo.p[i] >= 0x80)
			return false;
	return true;
}

/* Address-literal, RFC 5321 4.1.3 */
static void write_address(const struct writer *w, struct buf *b, str address)
{
	buf_byte(b, '[');
	if (str_find(address, ':') != STR_NONE)
		buf_add(b, S("IPv6:"));
	comment_text(w, b, address);
	buf_byte(b, ']');
}

/* From-domain, RFC 5321 4.4; a name that is none stands in the comment */
static void write_from(struct writer *w, const struct smtp_received *r)
{
	char room[CLAUSE_MAX];
	struct buf b = BUF_ON(room);
	bool plain = may_stand_plain(w, r->helo);
	buf_add(&b, S("from "));
	if (plain)
		buf_add(&b, r->helo);
	else
		buf_add(&b, S("unknown"));
	clause(w, buf_str(&b));
	b.n = 0;
	buf_byte(&b, '(');
	if (!plain) {
		buf_add(&b, S("HELO "));
		comment_text(w, &b, r->helo);
		buf_byte(&b, ' ');
	}
	comment_text(w, &b, r->name);
	if (r->name.n > 0 && r->address.n > 0)
		buf_byte(&b, ' ');
	if (r->address.n > 0)
		write_address(w, &b, r->address);
	buf_byte(&b, ')');
	clause(w, buf_str(&b));
}

static void write_pair(struct writer *w, str keyword, str value)
{
	char room[CLAUSE_MAX];
	struct buf b = BUF_ON(room);
	buf_add(&b, keyword);
	buf_byte(&b, ' ');
	buf_add(&b, value);
	clause(w, buf_str(&b));
}

/* Only what parses as an address is written as one. */
static void write_for(struct writer *w, str recipient)
{
	char room[CLAUSE_MAX];
	struct buf b = BUF_ON(room);
	struct smtp_path path;
	if (failed(smtp_mailbox_parse(recipient, &path)) || ((path.traits & SMTP_PATH_UTF8) != 0 && !w->utf8))
		return;
	buf_byte(&b, '<');
	smtp_path_canonical(&path, &b);
	buf_byte(&b, '>');
	write_pair(w, S("for"), buf_str(&b));
}

void smtp_received_write(struct buf *b, const struct smtp_received *r)
{
	struct writer w = { .b = b, .column = S("Received:").n, .utf8 = (r->with & SMTP_WITH_UTF8) != 0 };
	buf_add(b, S("Received:"));
	write_from(&w, r);
	write_pair(&w, S("by"), r->by);
	write_pair(&w, S("with"), smtp_with_name(r->with));
	if (r->tls.n > 0) {
		char room[CLAUSE_MAX];
		struct buf comment = BUF_ON(room);
		buf_byte(&comment, '(');
		comment_text(&w, &comment, r->tls);
		buf_byte(&comment, ')');
		clause(&w, buf_str(&comment));
	}
	if (r->id.n > 0)
		write_pair(&w, S("id"), r->id);
	if (r->recipient.n > 0)
		write_for(&w, r->recipient);
	buf_byte(b, ';');
	w.column++;
	clause(&w, r->date);
	buf_add(b, S("\r\n"));
}
