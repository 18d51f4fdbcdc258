/* SPDX-License-Identifier: Apache-2.0 */
/* An alarm is mailed to the administrator and the deputy: the envelope is made here, as any other; the message, which is
 * short, goes with it to `queue`. Nobody answers: an alarm that cannot be mailed at the moment is listed all the same. */
#include "role/directory/alarm.h"

#include <time.h>

#include "base/utf8.h"
#include "os/clock.h"
#include "os/random.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"

/* A logger that was taken over is held to this many. */
enum {
	MAILS_AN_HOUR = 60,
	HOUR_MS = 3600000,
	NUMBER = 16,
	TEXT_ROOM = 6000,
	RECORDS_ROOM = 40000,
	TOKEN_ROOM = 33,
	LINE = 200
};

struct mail {
	struct directory_role *r;
	struct buf records;
	size_t count;
};

static void add_recipient(struct mail *m, uint32_t account, bool is_inner, str address)
{
	const struct msg_recipient to = { account, is_inner, address, S(""), 0, S(""), 0 };
	size_t before = m->records.n;
	if (!failed(msg_add_recipient(&m->records, m->r->scratch, &to)))
		m->count++;
	else
		m->records.n = before;
}

static void add_group(struct mail *m, const struct mailname *alias, str address)
{
	struct directory_recipients behind = { .count = 0 };
	if (failed(directory_expand(m->r->store, alias, &behind)))
		return;
	for (size_t i = 0; i < behind.count; i++)
		add_recipient(m, behind.account[i], false, address);
}

/* An address of another server's waits in the queue like any mail for others. */
static void add_address(struct mail *m, str address)
{
	char room[MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	struct mailname name;
	struct directory_match match;
	str separator = m->r->service->conf->accounts.subaddress_separator;
	if (address.n == 0 || failed(mailname_parse(address, directory_first_domain(m->r->store), &b, &name)) ||
		failed(directory_find(m->r->store, &name, separator.n > 0 ? separator.p[0] : '\0', &match)))
		return;
	if (match.kind == DIRECTORY_MAILBOX)
		add_recipient(m, match.account, false, address);
	else if (match.kind == DIRECTORY_ALIAS)
		add_group(m, &match.found, address);
	else if (match.kind == DIRECTORY_ELSEWHERE || match.kind == DIRECTORY_INNER)
		add_recipient(m, 0, match.kind == DIRECTORY_INNER, address);
}

static void write_head(const struct directory_role *r, str to, str token, struct buf *b)
{
	str domain = directory_first_domain(r->store);
	char date[64];
	struct tm t;
	time_t now = (time_t)clock_utc_seconds();
	gmtime_r(&now, &t);
	size_t length = strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &t); /* the locale is "C" */
	buf_addf(b, "Date: %.*s\r\nFrom: Siegel <postmaster@%.*s>\r\nTo: <%.*s>\r\n", (int)length, date, ARG(domain),
		ARG(to));
	buf_addf(b, "Message-ID: <%.*s@%.*s>\r\n", ARG(token), ARG(r->service->conf->server.hostname));
}

static void write_kind(struct buf *b)
{
	buf_add(b,
		S("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
		  "Auto-Submitted: auto-generated\r\n\r\n"));
}

static void write_text(const struct directory_role *r, enum log_event event, str entry, str token, struct buf *b)
{
	const struct conf_server *server = &r->service->conf->server;
	write_head(r, server->administrator.n > 0 ? server->administrator : server->deputy, token, b);
	buf_addf(b, "Subject: Alarm: %s (%.*s)\r\n", log_event_name(event), ARG(server->hostname));
	write_kind(b);
	const char *german = log_event_german(event);
	buf_addf(b, "Der Mailserver %.*s meldet einen Alarm, den sich jemand ansehen muss:\r\n\r\n  %s\r\n\r\n",
		ARG(server->hostname), german != NULL ? german : log_event_text(event));
	buf_addf(b, "The mail server %.*s raises an alarm that a person must look at:\r\n\r\n  %s\r\n\r\n",
		ARG(server->hostname), log_event_text(event));
	while (entry.n > 0) { /* lines have limits: RFC 5322 2.1.1 */
		str line = str_begin_utf8(entry, LINE);
		buf_addf(b, "%.*s\r\n", ARG(line));
		entry = str_after(entry, line.n);
	}
	buf_add(b, S("\r\nAlle offenen Alarme / all open alarms:  siegel alarm list\r\n"
		     "Erledigt / done:                        siegel alarm ack NUMBER\r\n"));
}

struct letter {
	uint8_t number[NUMBER];
	char token[TOKEN_ROOM];
	struct buf text, name;
	char room[TEXT_ROOM];
};

static void letter_begin(struct letter *l)
{
	l->text = (struct buf){ .p = l->room, .room = sizeof l->room };
	l->name = (struct buf){ .p = l->token, .room = sizeof l->token };
	random_bytes(l->number, sizeof l->number);
	buf_hex(&l->name, l->number, sizeof l->number);
}

static err send_letter(struct mail *m, const struct letter *l)
{
	struct channel *queue = &m->r->queue->peer.channel;
	const struct msg_envelope envelope = {
		.transaction = str_from((const char *)l->number, sizeof l->number),
		.last = true,
		.sender = S(""),
		.size_max = UINT32_MAX,
		.body = 1,
		.envid = S(""),
		.session = S(""),
		.client = S(""),
		.recipients = buf_str(&m->records),
	};
	const struct msg_own own = { .transaction = envelope.transaction, .text = buf_str(&l->text) };
	TRY(l->text.lost ? FAIL(LIMIT) : msg_send_envelope(queue, 0, &envelope));
	return msg_send_own(queue, 0, &own);
}

static err send(struct mail *m, enum log_event event, str entry)
{
	struct letter l;
	letter_begin(&l);
	write_text(m->r, event, entry, buf_str(&l.name), &l.text);
	return send_letter(m, &l);
}

static bool is_too_often(struct directory_role *r)
{
	int64_t now = clock_ms();
	if (r->alarms_mailed == 0 || now - r->alarms_since >= HOUR_MS) {
		r->alarms_since = now;
		r->alarms_mailed = 0;
	}
	return ++r->alarms_mailed > MAILS_AN_HOUR;
}

void alarm_mail(struct directory_role *r, uint64_t event, str entry)
{
	const struct conf_server *server = &r->service->conf->server;
	struct mail m = { .r = r, .records = { .p = r->records, .room = RECORDS_ROOM } };
	if (event >= LOG_EVENTS || r->store == NULL || r->queue == NULL || is_too_often(r))
		return;
	add_address(&m, server->administrator);
	add_address(&m, server->deputy);
	if (m.count > 0)
		IGNORE(send(&m, (enum log_event)event, entry)); /* it is in the list of alarms */
}

/* ---- to somebody whose mail is held ---- */

static void write_brake(const struct directory_role *r, str address, str token, struct buf *b)
{
	const struct conf_server *server = &r->service->conf->server;
	write_head(r, address, token, b);
	buf_add(b, S("Subject: Your outgoing mail is held / Ihre ausgehende Mail wird angehalten\r\n"));
	write_kind(b);
	buf_add(b, S("Von Ihrem Konto geht sehr viel mehr Mail nach draußen, als es Menschen gewöhnlich tun. Darum "
		     "wird Ihre\r\n"
		     "ausgehende Mail angehalten, bis Ihre Administration sie freigibt. Nichts geht verloren. Haben "
		     "Sie das\r\n"
		     "nicht selbst gesendet, kennt wohl jemand Ihr Passwort: Bitte rufen Sie Ihre Administration "
		     "an.\r\n\r\n"
		     "Far more mail leaves from your account than people usually send. So your outgoing mail is held "
		     "until your\r\n"
		     "administrator releases it. Nothing is lost. If you did not send it, somebody seems to know your "
		     "password:\r\n"
		     "please call your administrator.\r\n"));
	buf_addf(b, "\r\n%.*s\r\n", ARG(server->administrator));
}

void brake_mail(struct directory_role *r, uint32_t account, str address)
{
	struct mail m = { .r = r, .records = { .p = r->records, .room = RECORDS_ROOM } };
	struct letter l;
	if (r->queue == NULL || address.n == 0)
		return;
	add_recipient(&m, account, false, address);
	letter_begin(&l);
	write_brake(r, address, buf_str(&l.name), &l.text);
	if (m.count > 0)
		IGNORE(send_letter(&m, &l)); /* the administrator knows */
}
