/* SPDX-License-Identifier: Apache-2.0 */
/* What attackers and open relay testers try. Names under .invalid exist nowhere (RFC 6761 6.4), so nothing goes out even
 * where something is wrong. */
#include <stdio.h>

#include "base/buf.h"
#include "os/clock.h"
#include "tool/live.h"

enum { NAME_ROOM = 700, SILENCE_MS = 300 };

static const char report[] = "this is a fault of Siegel: please report it";
static const char relay_advice[] = "this server relays for strangers: look at relay.relay_networks, then report it";

static bool begin(struct live *l, struct dial *d, const char *service)
{
	bool with_tls = str_ends(str_of(service), S("submissions"));
	const char *hello = str_eq(str_of(service), S("lmtp")) ? "LHLO" : "EHLO";
	return dial_open(d, &l->to, live_port(l, service), with_tls) && smtp_begin(d, hello);
}

/* Refused for good, or the connection ended; what is not said is not granted. */
static bool is_refusal(int code) { return code >= 500 || code == 0; }

/* ---- relaying ---- */

struct trick {
	const char *name, *sender, *recipient; /* %s is the first domain */
};
static const struct trick tricks[] = {
	{ "a stranger to a stranger", "<a@from.invalid>", "<victim@relay-test.invalid>" },
	{ "our own name as the sender", "<postmaster@%s>", "<victim@relay-test.invalid>" },
	{ "no sender", "<>", "<victim@relay-test.invalid>" },
	{ "mixed case", "<A@From.InValid>", "<ViCtIm@ReLaY-TeSt.InVaLiD>" },
	{ "percent hack", "<a@from.invalid>", "<victim%%relay-test.invalid@%s>" },
	{ "source route", "<a@from.invalid>", "<@%s:victim@relay-test.invalid>" },
	{ "quoted address", "<a@from.invalid>", "<\"victim@relay-test.invalid\"@%s>" },
	{ "quoted address without a domain", "<a@from.invalid>", "<\"victim@relay-test.invalid\">" },
	{ "bang path", "<a@from.invalid>", "<relay-test.invalid!victim@%s>" },
	{ "two at signs", "<a@from.invalid>", "<victim@relay-test.invalid@%s>" },
	{ "address literal", "<a@from.invalid>", "<victim@[192.0.2.1]>" },
};

/* The pattern with the domain where it has %s, and % for %%. */
static const char *fill(const struct live *l, const char *pattern, char *room)
{
	struct buf b = { .p = room, .room = NAME_ROOM - 1 };
	for (const char *p = pattern; *p != '\0'; p++)
		if (p[0] == '%' && p[1] == 's')
			buf_add(&b, str_of(l->domain)), p++;
		else
			buf_byte(&b, p[0] == '%' && p[1] == '%' ? *p++ : *p);
	room[b.n] = '\0';
	return room;
}

static void try_relay(struct live *l, const char *service, const struct trick *t)
{
	char sender[NAME_ROOM], recipient[NAME_ROOM], good[NAME_ROOM];
	struct dial d;
	snprintf(good, sizeof good, "relaying refused: %s", t->name);
	const struct live_step step = { service, good, relay_advice, clock_ms() };
	bool refused = begin(l, &d, service);
	if (refused)
		refused = is_refusal(smtp_say(&d, "MAIL FROM:%s", fill(l, t->sender, sender))) ||
			  is_refusal(smtp_say(&d, "RCPT TO:%s", fill(l, t->recipient, recipient)));
	char why[DIAL_WHY_MAX + NAME_ROOM];
	snprintf(why, sizeof why, "%s: %s", t->name, d.why);
	live_say(l, &step, refused, why);
	dial_close(&d);
}

/* ---- STARTTLS ---- */

/* CVE-2011-0411: a command behind STARTTLS in the same packet must not be carried out inside TLS. */
static void try_injection(struct live *l, const char *service)
{
	struct dial d;
	const struct live_step step = { service, "nothing is taken over from before STARTTLS", report, clock_ms() };
	bool good = begin(l, &d, service);
	if (good && d.offers_starttls) {
		io_put(d.io, S("STARTTLS\r\nNOOP\r\n"));
		good = smtp_reply(&d) != 220 || !dial_start_tls(&d, &l->to) || !io_has_input(d.io, SILENCE_MS);
	}
	live_say(l, &step, good, d.why);
	dial_close(&d);
}

static void try_early_login(struct live *l, const char *service)
{
	struct dial d;
	const struct live_step step = { service, "no password is taken without TLS", report, clock_ms() };
	bool good = begin(l, &d, service) && !d.offers_auth && is_refusal(smtp_say(&d, "AUTH PLAIN AHgAeA=="));
	live_say(l, &step, good, d.why);
	dial_close(&d);
}

/* ---- smuggling ---- */

/* A second message may not hide behind an end of data that is none. */
static void try_smuggling(struct live *l, const char *name, str end)
{
	char good_text[NAME_ROOM];
	struct dial d;
	snprintf(good_text, sizeof good_text, "smuggling refused: %s", name);
	const struct live_step step = { "smtp", good_text, report, clock_ms() };
	bool good = begin(l, &d, "smtp") && smtp_say(&d, "MAIL FROM:<>") == 250 &&
		    smtp_say(&d, "RCPT TO:<%s>", l->address) == 250 && smtp_say(&d, "DATA") == 354;
	if (good) {
		io_put(d.io, S("Subject: smuggling\r\n\r\none"));
		io_put(d.io, end);
		io_put(d.io, S("MAIL FROM:<a@from.invalid>\r\n.\r\n"));
		good = is_refusal(smtp_reply(&d));
	}
	live_say(l, &step, good, d.why);
	dial_close(&d);
}

/* ---- disclosure ---- */

static void try_disclosure(struct live *l)
{
	char there[DIAL_TEXT_MAX] = "", not_there[DIAL_TEXT_MAX] = "";
	struct dial d;
	struct live_step step = { "smtp", "VRFY tells nothing", report, clock_ms() };
	bool open = begin(l, &d, "smtp");
	if (open && smtp_say(&d, "VRFY %s", l->address) != 0)
		memcpy(there, d.text, sizeof there);
	if (open && there[0] != '\0' && smtp_say(&d, "VRFY nobody-there@%s", l->domain) != 0)
		memcpy(not_there, d.text, sizeof not_there);
	live_say(l, &step, there[0] != '\0' && str_eq(str_of(there), str_of(not_there)), d.why);
	step = (struct live_step){ "smtp", "EXPN tells nothing", report, clock_ms() };
	bool quiet = open && not_there[0] != '\0';
	int code = quiet ? smtp_say(&d, "EXPN postmaster@%s", l->domain) : 0;
	live_say(l, &step, quiet && (code >= 500 || code == 252), d.why);
	dial_close(&d);
}

void live_tricks(struct live *l)
{
	static const char *const services[] = { "smtp", "submission", "submissions", "lmtp" };
	for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
		if (live_port(l, services[i]) == 0)
			continue;
		for (size_t k = 0; k < sizeof tricks / sizeof *tricks; k++)
			try_relay(l, services[i], &tricks[k]);
		if (i < 2)
			try_injection(l, services[i]);
		if (i < 2)
			try_early_login(l, services[i]);
	}
	if (live_port(l, "smtp") == 0)
		return;
	try_smuggling(l, "bare LF", S("\n.\n"));
	try_smuggling(l, "bare CR", S("\r.\r"));
	try_smuggling(l, "mixed line ends", S("\r\n.\n"));
	try_disclosure(l);
}
