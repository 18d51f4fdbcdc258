/* SPDX-License-Identifier: Apache-2.0 */
#include "role/queue/notice.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/address.h"
#include "ipc/cause.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/random.h"
#include "proto/mime/date.h"
#include "proto/mime/header.h"
#include "proto/smtp/parameter.h"
#include "store/spool/file.h"

enum {
	SUBJECT_MAX = 200, /* a longer one is not named in ours */
	ID_MAX = 250,
	WHOLE_MAX = 96 << 10,  /* larger messages are quoted by their header */
	HEADER_MAX = 32 << 10, /* what is behind that is not quoted */
	REPORT_ROOM = 320 << 10,
	REPORT_BUDGET = 1 << 20,
	FIELDS_BUDGET = 4096,
	TOKEN_BYTES = 16,
};

/* ---- whether ---- */

uint32_t notice_account(const struct spool_message *about, uint32_t keeper)
{
	return about->account > 0 ? about->account : about->local > 0 ? keeper : 0;
}

bool notice_is_allowed(const struct spool_message *about, uint32_t keeper)
{
	const bool is_ours = notice_account(about, keeper) > 0 || (about->flags & SPOOL_INSIDE) != 0;
	return is_ours && about->sender.n > 0 && (about->flags & SPOOL_AUTOMATIC) == 0;
}

bool notice_wanted(unsigned notify, enum notice_kind kind)
{
	static const unsigned asked[] = {
		[NOTICE_FAILED] = SMTP_NOTIFY_FAILURE,
		[NOTICE_DELAYED] = SMTP_NOTIFY_DELAY,
		[NOTICE_SUCCESS] = SMTP_NOTIFY_SUCCESS,
	};
	return notify == 0 ? kind != NOTICE_SUCCESS : (notify & asked[kind]) != 0;
}

/* ---- words ---- */

struct words {
	const char *what, *help, *what_de, *help_de, *advice;
};

static const struct words *words_of(unsigned cause)
{
	static const struct words words[CAUSES] = {
#define NOTICE(cause, what, help, what_de, help_de, advice) [CAUSE_##cause] = { what, help, what_de, help_de, advice },
#include "role/queue/notices.def"
#undef NOTICE
	};
	return &words[cause < CAUSES ? cause : CAUSE_none];
}

const char *notice_advice(unsigned cause) { return words_of(cause)->advice; }

static bool is_german(const struct notice *n) { return (n->about->flags & SPOOL_GERMAN) != 0; }

struct frame_words {
	const char *subject, *subject_de, *opening, *opening_de, *closing, *closing_de;
	const char *action;
};

/* clang-format off */
static const struct frame_words frames[] = {
	[NOTICE_FAILED] = {
		"Not delivered", "Nicht zugestellt",
		"Your message did not reach everybody. It was not delivered to:",
		"Ihre Nachricht ist nicht bei allen angekommen. Sie wurde nicht zugestellt an:",
		"For these recipients it will not be tried again.",
		"Für diese Empfänger wird es nicht noch einmal versucht.", "failed" },
	[NOTICE_DELAYED] = {
		"Delayed", "Verzögert",
		"Your message has not reached these recipients yet:",
		"Ihre Nachricht ist bei diesen Empfängern noch nicht angekommen:",
		"It is still being tried. You need not do anything.",
		"Es wird weiter versucht. Sie müssen nichts tun.", "delayed" },
	[NOTICE_SUCCESS] = {
		"Delivered", "Zugestellt",
		"You asked to be told. Your message has reached these recipients' servers:",
		"Sie wollten es wissen. Ihre Nachricht hat die Server dieser Empfänger erreicht:",
		"Whether it was read nobody can say.",
		"Ob sie gelesen wurde, kann niemand sagen.", "relayed" },
};
/* clang-format on */

/* ---- pieces ---- */

static bool is_ascii(str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Does the report hold addresses that only UTF-8 can write? Then it is the kind of RFC 6533. */
static bool is_global(const struct notice *n)
{
	for (size_t i = 0; i < n->count; i++)
		if (!is_ascii(n->list[i].address) || !is_ascii(n->list[i].orcpt))
			return true;
	return !is_ascii(n->about->sender);
}

/* What strangers said: printable ASCII, whatever it was. */
static void add_printable(struct buf *b, str s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_byte(b, s.p[i] >= ' ' && s.p[i] < 0x7f ? s.p[i] : '?');
}

static void add_date(struct buf *b, const char *name, int64_t utc)
{
	buf_addf(b, "%s: ", name);
	mime_date_write(b, (struct mime_date){ .seconds = utc / 1000 });
	buf_add(b, S("\r\n"));
}

static str domain_of(str address) { return str_after(address, str_find_last(address, '@') + 1); }

/* ---- the parts ---- */

/* A field of the message on one line, if it is short printable ASCII as it must be to stand in ours; or absent. */
static str quoted_field(const struct notice_quote *q, str name, size_t most, struct arena *a)
{
	struct mime_field field;
	if (failed(mime_field_find(str_slice(q->text, 0, mime_header_size(q->text)), name, &field)) ||
		field.value.n > 2 * most)
		return NO_STR;
	str value = str_trim(mime_unfold(a, field.value));
	for (size_t i = 0; i < value.n; i++)
		if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] >= 0x7f)
			return NO_STR;
	return value.n > 0 && value.n <= most ? value : NO_STR;
}

/* Which message it is about: its subject, unless what it says must not leave without protection. */
static void write_subject(const struct notice *n, str subject, struct buf *b)
{
	const struct frame_words *w = &frames[n->kind];
	const char *what = is_german(n) ? w->subject_de : w->subject;
	bool is_quoted = subject.n > 0 && (n->about->flags & SPOOL_REQUIRETLS) == 0;
	buf_add(b, S("Subject: "));
	if (is_ascii(str_of(what))) {
		buf_addf(b, "%s: ", what);
	} else {
		buf_add(b, S("=?utf-8?q?"));
		for (const char *p = what; *p != '\0'; p++)
			if ((unsigned char)*p >= 0x80)
				buf_addf(b, "=%02X", (unsigned char)*p);
			else
				buf_byte(b, *p);
		buf_add(b, S(":?=\r\n "));
	}
	str otherwise = is_german(n) ? S("Ihre Nachricht") : S("your message");
	buf_add(b, is_quoted ? subject : otherwise);
	buf_add(b, S("\r\n"));
}

/* RFC 3834 3.1.5, 3.1.6 */
static void write_thread(str id, struct buf *b)
{
	if (!str_starts(id, S("<")) || !str_ends(id, S(">")) || str_find(id, ' ') != STR_NONE ||
		str_find(id, '\t') != STR_NONE)
		return;
	buf_addf(b, "In-Reply-To: %.*s\r\nReferences: %.*s\r\n", ARG(id), ARG(id));
}

static void write_header(const struct notice *n, const struct notice_quote *q, int64_t now, str token, struct buf *b)
{
	struct arena *a = arena_new("fields", FIELDS_BUDGET);
	if (n->account > 0) /* RFC 5321 4.4; one for an inner server has it there */
		buf_add(b, S("Return-Path: <>\r\n"));
	add_date(b, "Date", now);
	buf_addf(b, "From: Siegel <postmaster@%.*s>\r\nTo: <%.*s>\r\n", ARG(domain_of(n->about->sender)),
		ARG(n->about->sender));
	buf_addf(b, "Message-ID: <%.*s@%.*s>\r\n", ARG(token), ARG(n->hostname));
	write_thread(quoted_field(q, S("Message-ID"), ID_MAX, a), b);
	write_subject(n, quoted_field(q, S("Subject"), SUBJECT_MAX, a), b);
	arena_free(&a);
	/* RFC 3834 5: nobody's machine may answer. */
	buf_add(b, S("Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"));
	buf_addf(b, "Content-Type: multipart/report; report-type=%s;\r\n boundary=\"%.*s\"\r\n\r\n",
		is_global(n) ? "global-delivery-status" : "delivery-status", ARG(token));
}

/* What the server said. The status without a subject is ours: that server gave none. */
static void add_reply(struct buf *b, const struct spool_diagnosis *why)
{
	if (why->code > 0)
		buf_addf(b, "%u ", why->code);
	if (why->code > 0 && !str_ends(why->status, S(".0.0")))
		buf_addf(b, "%.*s ", ARG(why->status));
	add_printable(b, why->text);
}

/* RFC 3461 9.3, RFC 5321 4.1.3: an address stands in brackets. */
static void add_mta(struct buf *b, str host)
{
	struct address address;
	bool is_address = !failed(address_parse(host, &address));
	buf_addf(b, "Remote-MTA: dns; %s%s%.*s%s\r\n", is_address ? "[" : "",
		is_address && !address_is_v4(&address) ? "IPv6:" : "", ARG(host), is_address ? "]" : "");
}

static void write_recipient(const struct notice *n, const struct notice_recipient *r, struct buf *b)
{
	const struct words *w = words_of(r->expired && r->why.cause == CAUSE_none ? CAUSE_expired : r->why.cause);
	buf_addf(b, "  %.*s\r\n", ARG(r->address));
	if (n->kind == NOTICE_SUCCESS)
		return;
	buf_addf(b, "    %s\r\n", is_german(n) ? w->what_de : w->what);
	if (n->kind == NOTICE_FAILED)
		buf_addf(b, "    %s\r\n", is_german(n) ? w->help_de : w->help);
	if (r->why.host.n > 0 && r->why.text.n > 0) {
		buf_addf(b, is_german(n) ? "    Worte des Servers %.*s: " : "    Words of the server %.*s: ",
			ARG(r->why.host));
		add_reply(b, &r->why);
		buf_add(b, S("\r\n"));
	}
	buf_add(b, S("\r\n"));
}

/* Until when, so that nobody has to guess. */
static void write_until(const struct notice *n, struct buf *b)
{
	char text[40];
	struct tm t;
	time_t seconds = (time_t)(n->retry_until / 1000);
	if (n->kind != NOTICE_DELAYED || gmtime_r(&seconds, &t) == NULL)
		return;
	size_t length = strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &t);
	buf_addf(b, is_german(n) ? "Aufgegeben wird erst nach dem %.*s.\r\n" : "It is given up only after %.*s.\r\n",
		(int)length, text);
}

static void write_explanation(const struct notice *n, str token, struct buf *b)
{
	const struct frame_words *w = &frames[n->kind];
	buf_addf(b, "--%.*s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
		ARG(token));
	buf_addf(b, "%s\r\n\r\n", is_german(n) ? w->opening_de : w->opening);
	for (size_t i = 0; i < n->count; i++)
		write_recipient(n, &n->list[i], b);
	buf_addf(b, n->kind == NOTICE_SUCCESS ? "\r\n%s\r\n" : "%s\r\n", is_german(n) ? w->closing_de : w->closing);
	write_until(n, b);
	buf_addf(b, is_german(n) ? "\r\nDer Mailserver %.*s\r\n\r\n" : "\r\nThe mail server %.*s\r\n\r\n",
		ARG(n->hostname));
}

static const char *action_of(const struct notice *n, const struct notice_recipient *r)
{
	return n->kind == NOTICE_SUCCESS && r->final ? "delivered" : frames[n->kind].action;
}

/* RFC 3464 2.3.4: what stands there fits the action. */
static void write_status(const struct notice *n, const struct notice_recipient *r, struct buf *b)
{
	static const char *const otherwise[] = { "5.0.0", "4.0.0", "2.0.0" };
	static const char class[] = { '5', '4', '2' };
	str status = r->why.status;
	/* Of one that expired the last word was 4.x.x: it was not refused for good. */
	bool fits = n->kind == NOTICE_FAILED && r->expired;
	if (status.n >= 5 && (fits || status.p[0] == class[n->kind]))
		buf_addf(b, "Status: %.*s\r\n", ARG(status));
	else
		buf_addf(b, "Status: %s\r\n", otherwise[n->kind]);
}

static void write_status_of(const struct notice *n, const struct notice_recipient *r, int64_t now, struct buf *b)
{
	buf_add(b, S("\r\n"));
	if (r->orcpt.n > 0)
		buf_addf(b, "Original-Recipient: %.*s\r\n", ARG(r->orcpt));
	buf_addf(b, "Final-Recipient: %s; %.*s\r\nAction: %s\r\n", is_ascii(r->address) ? "rfc822" : "utf-8",
		ARG(r->address), action_of(n, r));
	write_status(n, r, b);
	if (r->why.host.n > 0)
		add_mta(b, r->why.host);
	if (r->why.code > 0) {
		buf_add(b, S("Diagnostic-Code: smtp; "));
		add_reply(b, &r->why);
		buf_add(b, S("\r\n"));
	}
	add_date(b, "Last-Attempt-Date", now);
	if (n->kind == NOTICE_DELAYED)
		add_date(b, "Will-Retry-Until", n->retry_until);
}

static void write_statuses(const struct notice *n, int64_t now, str token, struct buf *b)
{
	buf_addf(b, "--%.*s\r\nContent-Type: message/%s\r\n%s\r\n", ARG(token),
		is_global(n) ? "global-delivery-status" : "delivery-status",
		is_global(n) ? "Content-Transfer-Encoding: 8bit\r\n" : "");
	buf_addf(b, "Reporting-MTA: dns; %.*s\r\n", ARG(n->hostname));
	if (n->about->envid.n > 0)
		buf_addf(b, "Original-Envelope-Id: %.*s\r\n", ARG(n->about->envid));
	add_date(b, "Arrival-Date", n->about->received);
	for (size_t i = 0; i < n->count; i++)
		write_status_of(n, &n->list[i], now, b);
	buf_add(b, S("\r\n"));
}

static void write_quote(const struct notice *n, const struct notice_quote *q, str token, struct buf *b)
{
	static const char *const types[2][2] = { { "text/rfc822-headers", "message/rfc822" },
		{ "message/global-headers", "message/global" } };
	bool utf8 = (n->about->flags & SPOOL_UTF8) != 0;
	buf_addf(b, "--%.*s\r\nContent-Type: %s\r\n%s\r\n", ARG(token), types[utf8][q->whole],
		is_ascii(q->text) ? "" : "Content-Transfer-Encoding: 8bit\r\n");
	buf_add(b, q->text);
	if (!str_ends(q->text, S("\r\n")))
		buf_add(b, S("\r\n"));
	buf_addf(b, "\r\n--%.*s--\r\n", ARG(token));
}

err notice_write(const struct notice *n, const struct notice_quote *quote, int64_t now, str token, struct buf *out)
{
	write_header(n, quote, now, token, out);
	write_explanation(n, token, out);
	write_statuses(n, now, token, out);
	write_quote(n, quote, token, out);
	return out->lost ? FAIL(LIMIT) : OK;
}

/* ---- storing it ---- */

static err read_file(const struct spool_message *m, struct arena *a, str *out)
{
	int fd = -1;
	TRY(spool_file_open(m->number, &fd));
	char *room = NEW(a, char, WHOLE_MAX);
	ssize_t n = room != NULL ? read(fd, room, WHOLE_MAX) : -1;
	fd_close(&fd);
	if (n < 0)
		return FAIL(STORAGE);
	*out = str_from(room, (size_t)n);
	return OK;
}

/* A message of which nothing can be read is told of all the same. */
static struct notice_quote quote_of(const struct notice *n, struct spool *spool, struct arena *a)
{
	const struct spool_message *m = n->about;
	struct notice_quote q = { .text = S("") };
	err e = (m->flags & SPOOL_FILE) != 0 ? read_file(m, a, &q.text) : spool_body(spool, m->id, a, &q.text);
	bool sound = !failed(e) && (m->flags & SPOOL_FILE) == 0 && spool_is_sound(m, q.text);
	if (!failed(e) && (m->flags & SPOOL_FILE) != 0)
		e = spool_file_check(m, &sound);
	if (!failed(e) && !sound)
		e = FAIL(DAMAGED); /* another's bytes, perhaps */
	if (failed(e))
		q.text = S("");
	/* RFC 3461 6.2: the whole only when it failed; RFC 8689 5: never of one that demands TLS. */
	q.whole = n->kind == NOTICE_FAILED && m->ret == SMTP_RETURN_FULL && m->size <= WHOLE_MAX && !failed(e) &&
		  (m->flags & SPOOL_REQUIRETLS) == 0;
	if (q.whole)
		return q;
	q.text = str_slice(q.text, 0, mime_header_size(q.text));
	if (q.text.n > HEADER_MAX)
		q.text = str_slice(q.text, 0, HEADER_MAX);
	return q;
}

static struct spool_recipient recipient_of(const struct notice *n)
{
	const struct spool_message *about = n->about;
	const bool is_here = n->account > 0;
	return (struct spool_recipient){ .account = n->account,
		.address = about->sender,
		.domain = is_here ? S("") : str_after(about->sender, str_find_last(about->sender, '@') + 1),
		.is_inner = !is_here,
		.state = is_here ? SPOOL_WAITING : SPOOL_REMOTE };
}

err notice_spool(const struct notice *n, struct spool *spool)
{
	char token_room[2 * TOKEN_BYTES];
	struct buf token = BUF_ON(token_room);
	struct arena *a = arena_new("notice", REPORT_BUDGET);
	struct buf report = buf_in(a, REPORT_ROOM);
	struct spool_message m = {
		.received = clock_utc_ms(), .sender = S(""), .envid = S(""), .body = SMTP_BODY_8BITMIME
	};
	random_name(m.number);
	buf_hex(&token, m.number, sizeof m.number);
	m.flags = SPOOL_OWN | (is_global(n) ? SPOOL_UTF8 : 0u) | (n->about->flags & SPOOL_REQUIRETLS); /* RFC 8689 5 */
	struct notice_quote quote = quote_of(n, spool, a);
	err e = notice_write(n, &quote, m.received, buf_str(&token), &report);
	m.size = report.n;
	if (!failed(e))
		e = spool_add(spool, &m, buf_str(&report));
	const struct spool_recipient to = recipient_of(n);
	if (!failed(e))
		e = spool_add_recipient(spool, m.id, &to);
	arena_free(&a);
	return e;
}
