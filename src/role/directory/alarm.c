/* SPDX-License-Identifier: Apache-2.0 */
/* An alarm is mailed to the administrator and the deputy: the envelope is made here, as any other; the message, which is
 * short, goes with it to `queue`. Nobody answers: an alarm that cannot be mailed at the moment is listed all the same. */
#include "role/directory/alarm.h"

#include "base/utf8.h"
#include "os/clock.h"
#include "role/directory/letter.h"

/* A logger that was taken over is held to this many. */
enum { MAILS_AN_HOUR = 60, HOUR_MS = 3600000, LINE = 200 };

static void add_group(struct letter *l, const struct mailname *alias, str address)
{
	struct directory_recipients behind = { .count = 0 };
	if (failed(directory_expand(l->r->store, alias, &behind)))
		return;
	for (size_t i = 0; i < behind.count; i++)
		letter_to_account(l, behind.account[i], address);
}

/* An address of another server's waits in the queue like any mail for others. */
static void add_address(struct letter *l, str address)
{
	char room[MAILNAME_MAX];
	struct buf b = BUF_ON(room);
	struct mailname name;
	struct directory_match match;
	str separator = l->r->service->conf->accounts.subaddress_separator;
	if (address.n == 0 || failed(mailname_parse(address, directory_first_domain(l->r->store), &b, &name)) ||
		failed(directory_find(l->r->store, &name, separator.n > 0 ? separator.p[0] : '\0', &match)))
		return;
	if (match.kind == DIRECTORY_MAILBOX)
		letter_to_account(l, match.account, address);
	else if (match.kind == DIRECTORY_ALIAS)
		add_group(l, &match.found, address);
	else if (match.kind == DIRECTORY_INNER)
		letter_to_inner(l, address);
	else if (match.kind == DIRECTORY_ELSEWHERE)
		letter_to_account(l, 0, address);
}

static void write_text(struct letter *l, enum log_event event, str entry)
{
	const struct conf_server *server = &l->r->service->conf->server;
	struct buf *b = &l->text;
	letter_head(l, server->administrator.n > 0 ? server->administrator : server->deputy, NO_STR);
	buf_addf(b, "Subject: Alarm: %s (%.*s)\r\n", log_event_name(event), ARG(server->hostname));
	letter_kind(l);
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
	struct letter l;
	if (event >= LOG_EVENTS || r->store == NULL || r->queue == NULL || is_too_often(r))
		return;
	letter_begin(&l, r);
	add_address(&l, server->administrator);
	add_address(&l, server->deputy);
	write_text(&l, (enum log_event)event, entry);
	IGNORE(letter_send(&l)); /* it is in the list of alarms */
}

/* ---- to somebody whose mail is held ---- */

static void write_brake(struct letter *l, str address)
{
	const struct conf_server *server = &l->r->service->conf->server;
	struct buf *b = &l->text;
	letter_head(l, address, NO_STR);
	buf_add(b, S("Subject: Your outgoing mail is held / Ihre ausgehende Mail wird angehalten\r\n"));
	letter_kind(l);
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
	struct letter l;
	if (r->queue == NULL || address.n == 0)
		return;
	letter_begin(&l, r);
	letter_to_account(&l, account, address);
	write_brake(&l, address);
	IGNORE(letter_send(&l)); /* the administrator knows */
}
