/* SPDX-License-Identifier: Apache-2.0 */
/* A message comes in from outside, is read over IMAPS and compared; a user hands one in. */
#include <poll.h>
#include <stdio.h>
#include <time.h>

#include "base/base64.h"
#include "base/buf.h"
#include "os/clock.h"
#include "os/random.h"
#include "tool/live.h"

enum { MESSAGE_MAX = 4096, FETCHED_MAX = 32 << 10, COMMAND_MAX = 800, LOOKS = 200, LOOK_MS = 50 };

struct mail {
	char token[LIVE_TOKEN]; /* names this message and no other */
	char text[MESSAGE_MAX];
	struct buf message;
};

static void write_mail(const struct live *l, struct mail *m)
{
	uint8_t bytes[(LIVE_TOKEN - 1) / 2];
	struct buf token = BUF_ON(m->token);
	char date[64];
	struct tm t;
	time_t now = (time_t)clock_utc_seconds();
	gmtime_r(&now, &t);
	size_t length = strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &t); /* the locale is "C" */
	random_bytes(bytes, sizeof bytes);
	buf_hex(&token, bytes, sizeof bytes);
	buf_byte(&token, '\0');
	m->message = BUF_ON(m->text);
	buf_addf(&m->message,
		"Date: %.*s\r\nFrom: siegel check <%s>\r\nTo: <%s>\r\nMessage-ID: <%s@siegel-check.invalid>\r\n"
		"Subject: Self test %s\r\nAuto-Submitted: auto-generated\r\n\r\n"
		"This message was made by siegel check --live.\r\nfrom a stranger, for %s\r\n",
		(int)length, date, l->address, l->address, m->token, m->token, l->address);
}

/* From MAIL to the 250 behind the message. */
static bool hand_over(struct dial *d, const char *sender, const char *recipient, str message)
{
	if (smtp_say(d, "MAIL FROM:<%s>", sender) != 250 || smtp_say(d, "RCPT TO:<%s>", recipient) != 250 ||
		smtp_say(d, "DATA") != 354)
		return false;
	io_put(d->io, message);
	io_put(d->io, S(".\r\n"));
	return smtp_reply(d) == 250;
}

static bool send_as_stranger(struct live *l, struct mail *m)
{
	struct dial d;
	struct live_step step = { "smtp", "connected, STARTTLS with the right certificate",
		"see siegel log tail, and keys/tls.crt", clock_ms() };
	bool begun = dial_open(&d, &l->to, live_port(l, "smtp"), false) && smtp_begin(&d, "EHLO") &&
		     smtp_start_tls(&d, &l->to);
	live_say(l, &step, begun, d.why);
	bool sent = false;
	if (begun) {
		step = (struct live_step){ "smtp", "a message was taken", "see siegel log tail", clock_ms() };
		sent = hand_over(&d, "", l->address, buf_str(&m->message));
		live_say(l, &step, sent, d.why);
	}
	dial_close(&d);
	return sent;
}

/* ---- reading ---- */

static bool open_mailbox(struct live *l, struct dial *d)
{
	char command[COMMAND_MAX];
	struct imap_answer answer = { .found = 0 };
	snprintf(command, sizeof command, "LOGIN %s \"%s\"", live_login, l->phrase);
	bool open = dial_open(d, &l->to, live_port(l, "imaps"), true) && imap_say(d, &answer, NULL) &&
		    imap_say(d, &answer, command) && imap_say(d, &answer, "SELECT INBOX");
	wipe(command, sizeof command);
	return open;
}

static bool look_for(struct dial *d, const struct mail *m, uint32_t *uid)
{
	char command[COMMAND_MAX];
	struct imap_answer answer = { .found = 0 };
	snprintf(command, sizeof command, "UID SEARCH HEADER Message-ID %s", m->token);
	for (int i = 0; i < LOOKS && answer.found == 0; i++) {
		if (i > 0)
			(void)poll(NULL, 0, LOOK_MS);
		if (!imap_say(d, &answer, "NOOP") || !imap_say(d, &answer, command))
			return false;
	}
	*uid = answer.found;
	if (answer.found == 0)
		snprintf(d->why, sizeof d->why, "it did not arrive within %d s", LOOKS * LOOK_MS / 1000);
	return answer.found != 0;
}

/* What is in front of it, trace fields, is the server's. */
static bool is_same(struct dial *d, const struct mail *m, uint32_t uid)
{
	static char fetched[FETCHED_MAX];
	char command[COMMAND_MAX];
	struct imap_answer answer = { .literal = BUF_ON(fetched) };
	snprintf(command, sizeof command, "UID FETCH %u BODY.PEEK[]", uid);
	if (!imap_say(d, &answer, command))
		return false;
	snprintf(d->why, sizeof d->why, "it is not the message that was sent");
	return !answer.literal.lost && str_ends(buf_str(&answer.literal), buf_str(&m->message));
}

static void clean_up(struct live *l, struct dial *d)
{
	struct imap_answer answer = { .found = 0 };
	struct live_step step = { "imaps", "the message was removed", "see siegel log tail", clock_ms() };
	bool done = imap_say(d, &answer, "STORE 1:* +FLAGS.SILENT (\\Deleted)") && imap_say(d, &answer, "EXPUNGE") &&
		    imap_say(d, &answer, "LOGOUT");
	live_say(l, &step, done, d->why);
}

static void read_back(struct live *l, const struct mail *m)
{
	struct dial d;
	uint32_t uid;
	struct live_step step = { "imaps", "connected with the right certificate, logged in", "see siegel log tail",
		clock_ms() };
	bool good = open_mailbox(l, &d);
	live_say(l, &step, good, d.why);
	if (good) {
		step = (struct live_step){ "imaps", "the message came back as it was sent",
			"siegel log trace shows where it is: use its session from siegel log tail", clock_ms() };
		good = look_for(&d, m, &uid) && is_same(&d, m, uid);
		live_say(l, &step, good, d.why);
		clean_up(l, &d);
	}
	dial_close(&d);
}

void live_deliver(struct live *l)
{
	static struct mail m;
	write_mail(l, &m);
	if (live_port(l, "smtp") != 0 && send_as_stranger(l, &m) && live_port(l, "imaps") != 0)
		read_back(l, &m);
}

/* ---- submission ---- */

/* RFC 4616 2 */
static bool log_in(const struct live *l, struct dial *d)
{
	char secret[COMMAND_MAX], encoded[2 * COMMAND_MAX];
	struct buf plain = BUF_ON(secret), b = BUF_ON(encoded);
	buf_byte(&plain, '\0');
	buf_add(&plain, str_of(live_login));
	buf_byte(&plain, '\0');
	buf_add(&plain, str_of(l->phrase));
	base64_encode(&b, buf_str(&plain));
	bool in = smtp_say(d, "AUTH PLAIN %.*s", ARG(buf_str(&b))) == 235;
	wipe(secret, sizeof secret);
	wipe(encoded, sizeof encoded);
	return in;
}

static void submit_to(struct live *l, const char *service, bool with_tls)
{
	struct dial d;
	uint16_t port = live_port(l, service);
	if (port == 0)
		return;
	struct live_step step = { service, "logged in under TLS", "see siegel log tail", clock_ms() };
	bool in = dial_open(&d, &l->to, port, with_tls) && smtp_begin(&d, "EHLO") &&
		  (with_tls || smtp_start_tls(&d, &l->to)) && log_in(l, &d);
	live_say(l, &step, in, d.why);
	if (in) {
		step = (struct live_step){ service, "the sender of somebody else is refused",
			"this is a fault of Siegel: please report it", clock_ms() };
		bool refused = smtp_say(&d, "MAIL FROM:<postmaster@%s>", l->domain) >= 500;
		live_say(l, &step, refused, d.why);
		step = (struct live_step){ service, "its own sender may send", "see siegel log tail", clock_ms() };
		live_say(l, &step, smtp_say(&d, "MAIL FROM:<%s>", l->address) == 250, d.why);
	}
	dial_close(&d);
}

void live_submit(struct live *l)
{
	submit_to(l, "submission", false);
	submit_to(l, "submissions", true);
}
