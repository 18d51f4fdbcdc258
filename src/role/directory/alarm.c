/* SPDX-License-Identifier: Apache-2.0 */
/* An alarm is mailed to the administrator and the deputy: the envelope is made here, as any other; the message, which is
 * short, goes with it to `queue`. Nobody answers: an alarm that cannot be mailed at the moment is listed all the same. */
#include "role/directory/alarm.h"

#include <time.h>

#include "os/clock.h"
#include "os/random.h"

#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"

/* A logger that was taken over is held to this many. */
enum { MAILS_AN_HOUR = 60, HOUR_MS = 3600000, NUMBER = 16, TEXT_ROOM = 6000, RECORDS_ROOM = 40000, TOKEN_ROOM = 33 };

struct mail {
	struct directory_role *r;
	struct buf records;
	size_t count;
};

static void add_recipient(struct mail *m, uint32_t account, str address)
{
	const struct msg_recipient to = { account, address, S(""), 0, S(""), 0 };
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
		add_recipient(m, behind.account[i], address);
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
		add_recipient(m, match.account, address);
	else if (match.kind == DIRECTORY_ALIAS)
		add_group(m, &match.found, address);
	else if (match.kind == DIRECTORY_ELSEWHERE)
		add_recipient(m, 0, address);
}

static void write_text(const struct directory_role *r, enum log_event event, str entry, str token, struct buf *b)
{
	const struct conf_server *server = &r->service->conf->server;
	str domain = directory_first_domain(r->store);
	char date[64];
	struct tm t;
	time_t now = (time_t)clock_utc_seconds();
	gmtime_r(&now, &t);
	size_t length = strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &t); /* the locale is "C" */
	buf_addf(b, "Date: %.*s\r\nFrom: Siegel <postmaster@%.*s>\r\nTo: <%.*s>\r\n", (int)length, date, ARG(domain),
		ARG(server->administrator.n > 0 ? server->administrator : server->deputy));
	buf_addf(b, "Message-ID: <%.*s@%.*s>\r\nSubject: Alarm: %s (%.*s)\r\n", ARG(token), ARG(server->hostname),
		log_event_name(event), ARG(server->hostname));
	buf_add(b,
		S("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
		  "Auto-Submitted: auto-generated\r\n\r\n"));
	buf_addf(b, "Der Mailserver %.*s meldet einen Alarm, den sich jemand ansehen muss.\r\n", ARG(server->hostname));
	buf_addf(b, "The mail server %.*s raises an alarm that a person must look at:\r\n\r\n  %s\r\n\r\n",
		ARG(server->hostname), log_event_text(event));
	for (size_t i = 0; i < entry.n; i += 200) /* lines have limits: RFC 5322 2.1.1 */
		buf_addf(b, "%.*s\r\n", ARG(str_slice(entry, i, i + 200)));
	buf_add(b, S("\r\nAlle offenen Alarme / all open alarms:  siegel alarm list\r\n"
		     "Erledigt / done:                        siegel alarm ack NUMBER\r\n"));
}

static err send(struct mail *m, enum log_event event, str entry)
{
	char text[TEXT_ROOM], token[TOKEN_ROOM];
	uint8_t number[NUMBER];
	struct buf b = BUF_ON(text), name = BUF_ON(token);
	struct channel *queue = &m->r->queue->peer.channel;
	random_bytes(number, sizeof number);
	buf_hex(&name, number, sizeof number);
	write_text(m->r, event, entry, buf_str(&name), &b);
	const struct msg_envelope envelope = {
		.transaction = str_from((const char *)number, sizeof number),
		.last = true,
		.sender = S(""),
		.size_max = UINT32_MAX,
		.body = 1,
		.envid = S(""),
		.session = S(""),
		.client = S(""),
		.recipients = buf_str(&m->records),
	};
	const struct msg_own own = { .transaction = envelope.transaction, .text = buf_str(&b) };
	TRY(b.lost ? FAIL(LIMIT) : msg_send_envelope(queue, 0, &envelope));
	return msg_send_own(queue, 0, &own);
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
