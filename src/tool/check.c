/* SPDX-License-Identifier: Apache-2.0 */
/* siegel check: what would stop the server, what will surprise its administrator, and what nobody has decided yet. Each
 * finding is one line; the exit status is 1 when there is an error among them. */
#include "base/json.h"
#include "role/supervisor/keys.h"
#include "role/supervisor/ports.h"
#include "role/supervisor/rows.h"
#include "tool/certificate.h"
#include "tool/client.h"
#include "tool/run.h"
#include "tool/show.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FINDING_MAX = 800, LINE_ROOM = 6000, KEYS_BUDGET = 256 << 10, DAYS_OF_WARNING = 21, PERCENT_FREE = 10 };

struct check {
	const struct call *call;
	struct conf conf;
	struct supervisor_setup setup;
	struct show *show;
	unsigned errors;
	bool runs; /* a server does */
};

static void __attribute__((format(printf, 4, 5)))
find(struct check *c, const char *level, const char *subject, const char *format, ...)
{
	char words[FINDING_MAX], room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	va_list list;
	va_start(list, format);
	vsnprintf(words, sizeof words, format, list);
	va_end(list);
	struct json j = json_begin(&line);
	json_text(&j, "level", str_of(level));
	json_text(&j, "subject", str_of(subject));
	json_text(&j, "finding", str_of(words));
	json_end(&j);
	show_line(c->show, buf_str(&line));
	c->errors += str_eq(str_of(level), S("error"));
}

/* ---- files ---- */

static void check_folders(struct check *c)
{
	for (size_t i = 0; i < ROWS; i++) {
		char room[FINDING_MAX];
		struct buf reason = BUF_ON(room);
		struct user user = { geteuid(), getegid(), false };
		int fd;
		if (*rows[i].home == '\0')
			continue;
		bool good = ((rows[i].flags & ON_DEMAND) != 0 || !failed(user_of_role(rows[i].role, &user, &reason))) &&
			    !failed(folder_open(&c->setup.folders, rows[i].home, &user, &fd, &reason));
		if (good)
			close(fd);
		else
			find(c, "error", rows[i].home, "%.*s", ARG(buf_str(&reason)));
	}
}

static void check_programs(struct check *c)
{
	for (size_t i = 0; i < ROWS; i++) {
		char path[FINDING_MAX];
		snprintf(path, sizeof path, "%s/siegel-%s", c->setup.programs, rows[i].role);
		if (access(path, X_OK) != 0)
			find(c, "error", "programs", "%s is missing", path);
	}
}

static void check_space(struct check *c)
{
	struct statvfs st;
	if (fstatvfs(c->setup.folders.top, &st) != 0 || st.f_blocks == 0)
		return;
	uint64_t free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	if (free_bytes < c->conf.queue.free_min)
		find(c, "error", "space", "only %llu MiB are free: mail would be answered with 452 (queue.free_min)",
			(unsigned long long)(free_bytes >> 20));
	else if (st.f_bavail * 100 / st.f_blocks < PERCENT_FREE)
		find(c, "warning", "space", "less than %d per cent of the disk is free", PERCENT_FREE);
}

static void check_certificate(struct check *c)
{
	char room[FINDING_MAX];
	struct buf reason = BUF_ON(room);
	struct arena *a = arena_new("keys", KEYS_BUDGET);
	struct certificate_facts facts = { false, false, 0 };
	struct keys keys;
	if (failed(keys_read(&c->setup.folders, true, a, &keys, &reason)))
		find(c, "error", "keys", "%.*s", ARG(buf_str(&reason)));
	else if (failed(certificate_look(keys.tls_certificates, c->conf.server.hostname.p, &facts)))
		find(c, "error", "certificate", "keys/tls.crt does not begin with a certificate in PEM");
	else if (facts.days_left < 0)
		find(c, "error", "certificate", "it has expired");
	else if (facts.days_left < DAYS_OF_WARNING)
		find(c, "warning", "certificate", "it expires in %d days", (int)facts.days_left);
	if (keys.tls_certificates.n > 0 && facts.days_left >= 0) {
		if (!facts.fits_host)
			find(c, "error", "certificate", "it is not for %.*s", ARG(c->conf.server.hostname));
		if (facts.signed_by_itself)
			find(c, "warning", "certificate", "it is signed by itself: clients will warn their users");
	}
	arena_free(&a);
}

/* ---- ports and neighbours ---- */

static void check_ports(struct check *c)
{
	static struct ports ports;
	char room[FINDING_MAX];
	struct buf reason = BUF_ON(room);
	if (c->runs)
		return;
	if (failed(ports_open(&c->conf.server, NULL, &ports, &reason)))
		find(c, "error", "ports", "%.*s", ARG(buf_str(&reason)));
	else
		ports_close(&ports);
}

/* W9: one mail server on a machine. */
static void check_neighbours(struct check *c)
{
	static const char *const others[][2] = {
		{ "/usr/sbin/postfix", "Postfix" },
		{ "/usr/sbin/exim4", "Exim" },
		{ "/usr/sbin/exim", "Exim" },
		{ "/usr/sbin/opensmtpd", "OpenSMTPD" },
		{ "/usr/sbin/dovecot", "Dovecot" },
		{ "/usr/sbin/courier-imapd", "Courier" },
		{ "/usr/lib/cyrus/bin/master", "Cyrus" },
		{ "/usr/sbin/sendmail-mta", "Sendmail" },
	};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (access(others[i][0], F_OK) == 0)
			find(c, "warning", "neighbours", "%s is installed too; remove it when the move is done",
				others[i][1]);
}

/* ---- what a person has to decide ---- */

static void check_decisions(struct check *c)
{
	const struct conf_server *s = &c->conf.server;
	const struct conf *f = &c->conf;
	struct conf defaults;
	if (s->administrator.n == 0)
		find(c, "decide", "server.administrator", "nobody is told of alarms");
	if (s->deputy.n == 0)
		find(c, "decide", "server.deputy", "nobody is told of alarms while the administrator is away");
	if (failed(conf_init(&defaults, c->call->arena)))
		return;
	if (f->log.retention_days == defaults.log.retention_days)
		find(c, "decide", "log.retention_days",
			"logs are kept for %d days, the default; the data protection officer decides",
			(int)f->log.retention_days);
	if (f->log.addresses == defaults.log.addresses)
		find(c, "decide", "log.addresses", "people's addresses stand in the log in full, the default");
	if (f->accounts.quota == 0)
		find(c, "decide", "accounts.quota", "an account may fill the disk");
	if (str_find(s->hostname, '.') == STR_NONE)
		find(c, "warning", "server.hostname", "%.*s is not a full name: other servers will refuse its mail",
			ARG(s->hostname));
	for (size_t i = 0; i < f->relay.relay_networks.count; i++)
		if (f->relay.relay_networks.items[i].bits < 96 + 8)
			find(c, "error", "relay.relay_networks",
				"it covers half the world: this server would be an open relay");
}

/* U10: postmaster and abuse reach a person; `directory` knows. */
static void pass_on(void *to, str json)
{
	struct check *c = to;
	show_line(c->show, json);
}

static int ask_directory(void *to)
{
	struct check *c = to;
	char room[1400];
	struct buf reason = BUF_ON(room);
	const struct request request = { "check", NULL, 0, NO_STR };
	err e = client_send(&c->setup.folders, &request, pass_on, c, &reason);
	c->runs = e.code != ERR_ABSENT;
	if (failed(e) && c->runs)
		find(c, "error", "directory", "%.*s", ARG(buf_str(&reason)));
	return EXIT_DONE;
}

static void check_directory(struct check *c)
{
	int status = EXIT_DONE;
	(void)ask_directory(c);
	if (!c->runs && failed(offline_run(&c->setup, ask_directory, c, &status)))
		find(c, "error", "directory", "it cannot be started");
}

int run_check(const struct call *call)
{
	static struct check check;
	struct check *c = &check;
	char room[FINDING_MAX];
	struct buf reason = BUF_ON(room);
	const struct request request = { "status", NULL, 0, NO_STR };
	c->call = call;
	if (failed(call_open(call, false, &c->conf, &c->setup)))
		return EXIT_REFUSED;
	c->runs = client_send(&c->setup.folders, &request, NULL, NULL, &reason).code != ERR_ABSENT;
	c->show = show_begin(call);
	check_folders(c);
	check_programs(c);
	check_certificate(c);
	check_space(c);
	check_ports(c);
	check_neighbours(c);
	check_decisions(c);
	check_directory(c);
	show_end(c->show);
	return c->errors > 0 ? EXIT_REFUSED : EXIT_DONE;
}
