/* SPDX-License-Identifier: Apache-2.0 */
/* siegel check: what would stop the server, what will surprise its administrator, and what nobody has decided yet. Each
 * finding is one line; the exit status is 1 when there is an error among them. */
#include "conf/check.h"
#include "role/supervisor/keys.h"
#include "role/supervisor/ports.h"
#include "role/supervisor/rows.h"
#include "tool/certificate.h"
#include "tool/client.h"
#include "tool/finding.h"
#include "tool/holder.h"
#include "tool/live.h"
#include "tool/run.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { FINDING_MAX = 800, KEYS_BUDGET = 256 << 10, DAYS_OF_WARNING = 21, PERCENT_FREE = 10, OTHERS_ANY = 0077 };

struct check {
	const struct call *call;
	struct conf conf;
	struct supervisor_setup setup;
	struct findings found;
	bool offline; /* asked of processes of our own */
	bool runs;    /* a server does */
	bool asked;   /* `directory` was there to be asked */
};

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
		if (good && str_eq(str_of(rows[i].home), S("keys")))
			good = !failed(keys_check(fd, &user, &reason));
		if (good)
			close(fd);
		else
			finding(&c->found, "error", rows[i].home, "%.*s", ARG(buf_str(&reason)));
	}
}

static void check_programs(struct check *c)
{
	for (size_t i = 0; i < ROWS; i++) {
		char path[FINDING_MAX];
		snprintf(path, sizeof path, "%s/siegel-%s", c->setup.programs, rows[i].role);
		if (access(path, X_OK) != 0)
			finding(&c->found, "error", "programs", "%s is missing", path);
	}
}

static void check_space(struct check *c)
{
	struct statvfs st;
	if (fstatvfs(c->setup.folders.top, &st) != 0 || st.f_blocks == 0)
		return;
	uint64_t free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
	if (free_bytes < c->conf.queue.free_min)
		finding(&c->found, "error", "space",
			"only %llu MiB are free: mail would be answered with 452 (queue.free_min)",
			(unsigned long long)(free_bytes >> 20));
	else if (st.f_bavail * 100 / st.f_blocks < PERCENT_FREE)
		finding(&c->found, "warning", "space", "less than %d per cent of the disk is free", PERCENT_FREE);
}

static void check_certificate(struct check *c)
{
	char room[FINDING_MAX];
	struct buf reason = BUF_ON(room);
	struct arena *a = arena_new("keys", KEYS_BUDGET);
	struct certificate_facts facts = { false, false, 0 };
	str certificates = NO_STR;
	if (failed(keys_certificates(&c->setup.folders, a, &certificates, &reason)))
		finding(&c->found, "error", "keys", "%.*s", ARG(buf_str(&reason)));
	else if (failed(certificate_look(certificates, c->conf.server.hostname.p, &facts)))
		finding(&c->found, "error", "certificate", "keys/tls.crt does not begin with a certificate in PEM");
	else if (facts.days_left < 0)
		finding(&c->found, "error", "certificate", "it has expired");
	else if (facts.days_left < DAYS_OF_WARNING)
		finding(&c->found, "warning", "certificate", "it expires in %d days", (int)facts.days_left);
	if (certificates.n > 0 && facts.days_left >= 0) {
		if (!facts.fits_host)
			finding(&c->found, "error", "certificate", "it is not for %.*s", ARG(c->conf.server.hostname));
		if (facts.signed_by_itself)
			finding(&c->found, "warning", "certificate",
				"it is signed by itself: clients will warn their users; take another into use by "
				"siegel tls "
				"install CERTIFICATE KEY");
	}
	arena_free(&a);
}

static bool is_there(const struct check *c, str path)
{
	char room[PATH_MAX];
	struct stat st;
	snprintf(room, sizeof room, "%.*s", ARG(path));
	return fstatat(c->setup.folders.top, room, &st, 0) == 0 && S_ISREG(st.st_mode);
}

/* Files that the configuration names. A server without them serves, and does less than was meant. */
static void check_named_files(struct check *c)
{
	const struct conf *f = &c->conf;
	const struct conf_setting *hints = conf_find(S("resolver"), S("root_hints"));
	if (f->sender.ca_extra.n > 0 && !is_there(c, f->sender.ca_extra))
		finding(&c->found, "error", "sender.ca_extra", "there is no file %.*s: its authorities are not trusted",
			ARG(f->sender.ca_extra));
	if (!is_there(c, f->resolver.trust_anchor))
		finding(&c->found, "warning", "resolver.trust_anchor",
			"there is no file %.*s: answers of the DNS are not validated, and DANE is off; Debian has one "
			"in dns-root-data",
			ARG(f->resolver.trust_anchor));
	if (!str_eq(f->resolver.root_hints, str_of(hints->initial)) && !is_there(c, f->resolver.root_hints))
		finding(&c->found, "warning", "resolver.root_hints",
			"there is no file %.*s: the root servers that are built in are asked",
			ARG(f->resolver.root_hints));
}

/* Without the password that a route names its mail waits. Its line is looked for by `sender` alone, which says so in an alarm. */
static void check_logins(struct check *c)
{
	const struct conf_map *table = &c->conf.routes.table;
	struct stat st;
	for (size_t i = 0; i < table->count; i++) {
		if (!str_eq(table->items[i].key, S("auth")))
			continue;
		if (fstatat(c->setup.folders.top, "route-logins", &st, 0) != 0)
			finding(&c->found, "error", "route-logins",
				"it is missing, and the route for %.*s needs its line \"%.*s LOGIN PASSWORD\": write "
				"it "
				"beside siegel.yaml, mode 600",
				ARG(table->items[i].name), ARG(table->items[i].value));
		else if ((st.st_mode & OTHERS_ANY) != 0)
			finding(&c->found, "error", "route-logins",
				"others can read it, so nobody logs in by it: chmod 600 route-logins");
		return;
	}
}

/* A password is for one server: who has not proved that he is that one may be anybody. */
static void check_passwords(struct check *c)
{
	const struct conf_map *table = &c->conf.routes.table;
	for (size_t i = 0; i < table->count; i++) {
		const struct conf_entry *e = &table->items[i];
		const str *tls = conf_map_find(table, e->name, S("tls"));
		if (str_eq(e->key, S("auth")) &&
			(tls == NULL || (!str_eq(*tls, S("verify")) && !str_eq(*tls, S("dane")))))
			finding(&c->found, "warning", "routes",
				"the password for %.*s goes to whoever answers at its host: set tls to verify or dane",
				ARG(e->name));
	}
}

/* ---- ports and neighbours ---- */

/* Who is in the way, for each port that is needed. */
static unsigned name_holders(struct check *c)
{
	const struct conf_list *services = &c->conf.server.services;
	unsigned named = 0;
	for (size_t i = 0; i < services->count; i++) {
		const struct conf_service *s = conf_service_find(services->items[i]);
		struct holder holder;
		if (s == NULL || !holder_find((unsigned)(s->port + c->conf.server.port_offset), &holder))
			continue;
		char who[FINDING_MAX] = "a program of another user (ask again as root)";
		if (holder.pid != 0)
			snprintf(who, sizeof who, "%s (process %d)", holder.name, holder.pid);
		finding(&c->found, "error", "ports", "port %u (%s) is held by %s: stop it, or set server.port_offset",
			(unsigned)(s->port + c->conf.server.port_offset), s->name, who);
		named++;
	}
	return named;
}

static void check_ports(struct check *c)
{
	static struct ports ports;
	char room[FINDING_MAX];
	struct buf reason = BUF_ON(room);
	if (c->runs)
		return;
	err e = ports_open(&c->conf.server, NULL, &ports, &reason);
	if (!failed(e))
		ports_close(&ports);
	else if (e.code != ERR_BUSY || name_holders(c) == 0)
		finding(&c->found, "error", "ports", "%.*s", ARG(buf_str(&reason)));
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
			finding(&c->found, "warning", "neighbours",
				"%s is installed too; remove it when the move is done", others[i][1]);
}

/* ---- what a person has to decide ---- */

static void check_decisions(struct check *c)
{
	const struct conf_server *s = &c->conf.server;
	const struct conf *f = &c->conf;
	struct conf defaults;
	if (s->administrator.n == 0)
		finding(&c->found, "decide", "server.administrator", "nobody is told of alarms");
	if (s->deputy.n == 0)
		finding(&c->found, "decide", "server.deputy",
			"nobody is told of alarms while the administrator is away");
	if (failed(conf_init(&defaults, c->call->arena)))
		return;
	if (f->log.retention_days == defaults.log.retention_days)
		finding(&c->found, "decide", "log.retention_days",
			"logs are kept for %d days, the default; the data protection officer decides",
			(int)f->log.retention_days);
	if (f->log.addresses == defaults.log.addresses)
		finding(&c->found, "decide", "log.addresses",
			"people's addresses stand in the log in full, the default");
	if (f->smtp.message_max == defaults.smtp.message_max)
		finding(&c->found, "decide", "smtp.message_max", "messages up to %d MiB are taken, the default",
			(int)(f->smtp.message_max >> 20));
	if (f->login.password_length == defaults.login.password_length)
		finding(&c->found, "decide", "login.password_length",
			"chosen passwords have at least %d characters, the default", (int)f->login.password_length);
	if (f->server.services.count == defaults.server.services.count)
		finding(&c->found, "decide", "server.services",
			"all services are offered, the default: name those that are used");
	if (f->accounts.quota == 0)
		finding(&c->found, "decide", "accounts.quota", "an account may fill the disk");
	if (str_find(s->hostname, '.') == STR_NONE)
		finding(&c->found, "warning", "server.hostname",
			"%.*s is not a full name: other servers will refuse its mail", ARG(s->hostname));
	for (size_t i = 0; i < f->relay.relay_networks.count; i++)
		if (f->relay.relay_networks.items[i].bits < 96 + 8)
			finding(&c->found, "error", "relay.relay_networks",
				"it covers half the world: this server would be an open relay");
}

/* U10: postmaster and abuse reach a person; `directory` knows. */
static void pass_on(void *to, str json)
{
	struct check *c = to;
	show_line(c->found.show, json);
}

static int ask_directory(void *to)
{
	struct check *c = to;
	char room[1400];
	struct buf reason = BUF_ON(room);
	const struct request request = { "check", NULL, 0, NO_STR, .offline = c->offline };
	err e = client_send(&c->setup.folders, &request, pass_on, c, &reason);
	c->asked = e.code != ERR_ABSENT;
	if (failed(e) && c->asked)
		finding(&c->found, "error", "directory", "%.*s", ARG(buf_str(&reason)));
	return EXIT_DONE;
}

static void check_directory(struct check *c)
{
	int status = EXIT_DONE;
	(void)ask_directory(c);
	c->offline = !c->asked;
	if (!c->asked && failed(offline_run(&c->setup, ask_directory, c, &status)))
		finding(&c->found, "error", "directory", "it cannot be started");
}

/* ---- the running server ---- */

static void check_live(struct check *c)
{
	char room[FINDING_MAX];
	struct buf reason = BUF_ON(room);
	struct arena *a = arena_new("keys", KEYS_BUDGET);
	str certificates;
	if (!c->runs)
		finding(&c->found, "error", "live", "no server runs: siegel serve, or systemctl start siegel");
	else if (failed(keys_certificates(&c->setup.folders, a, &certificates, &reason)))
		finding(&c->found, "error", "live", "%.*s", ARG(buf_str(&reason)));
	else
		live_check(&c->setup.folders, &c->conf, certificates, &c->found);
	arena_free(&a);
}

int run_check(const struct call *call)
{
	static struct check check;
	struct check *c = &check;
	char room[FINDING_MAX];
	struct buf reason = BUF_ON(room);
	const struct request request = { "status", NULL, 0, NO_STR };
	c->call = call;
	if (failed(call_open(call, MISTAKES_COUNT, &c->conf, &c->setup)))
		return EXIT_REFUSED;
	c->runs = client_send(&c->setup.folders, &request, NULL, NULL, &reason).code != ERR_ABSENT;
	c->found.show = show_begin(call);
	check_folders(c);
	check_programs(c);
	check_certificate(c);
	check_space(c);
	check_named_files(c);
	check_logins(c);
	check_passwords(c);
	check_ports(c);
	check_neighbours(c);
	check_decisions(c);
	check_directory(c);
	if (command_value(call, "live").p != NULL)
		check_live(c);
	show_end(c->found.show);
	return c->found.errors > 0 ? EXIT_REFUSED : EXIT_DONE;
}
