/* SPDX-License-Identifier: Apache-2.0 */
/* siegel init: everything that a server needs to start, and nothing that could be a default password. */
#include "conf/file.h"
#include "tool/certificate.h"
#include "tool/client.h"
#include "tool/run.h"
#include "tool/system_users.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_ROOM = 4096, REASON_ROOM = 800, OPEN_TO_ALL = 0755, CLOSED = 0700, CONF_MODE = 0640 };

struct init {
	const struct call *call;
	str dir, hostname, domain, offset, listen;
	int top; /* the folder of the installation */
	char conf_path[PATH_MAX];
	struct supervisor_setup setup;
	struct buf reason;
};

static bool make_folder(struct init *in)
{
	char path[PATH_MAX];
	struct buf b = BUF_ON(path);
	struct stat st;
	buf_addf(&b, "%.*s", ARG(in->dir));
	bool made = !b.lost && mkdir(path, CLOSED) == 0;
	if (!made && (b.lost || errno != EEXIST)) {
		buf_addf(&in->reason, "cannot make %.*s: %s", ARG(in->dir), strerror(errno));
		return false;
	}
	in->top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in->top < 0 || fstat(in->top, &st) != 0 || st.st_uid != geteuid()) {
		buf_addf(&in->reason, "%s is not a folder of ours", path);
		return false;
	}
	if (faccessat(in->top, "siegel.yaml", F_OK, 0) == 0) {
		buf_addf(&in->reason, "%s holds an installation already", path);
		return false;
	}
	/* Each folder inside is closed on its own; a role's library may have to walk through this one. */
	if (made && fchmod(in->top, OPEN_TO_ALL) != 0)
		buf_addf(&in->reason, "cannot open %s to the roles: %s", path, strerror(errno));
	return in->reason.n == 0;
}

static void write_conf(const struct init *in, struct buf *b)
{
	buf_add(b, S("# Configuration of the mail server Siegel. What is not here has its default: siegel.yaml(5).\n"
		     "# \"siegel check\" finds mistakes, and what is still to be decided; \"siegel reload\" takes "
		     "changes over.\n"
		     "server:\n"));
	buf_addf(b, "  hostname: %.*s\n", ARG(in->hostname));
	if (in->listen.n > 0)
		buf_addf(b, "  listen: [\"%.*s\"]\n", ARG(in->listen));
	if (in->offset.n > 0)
		buf_addf(b, "  port_offset: %.*s\n", ARG(in->offset));
	if (str_eq(in->dir, S("/etc/siegel")))
		buf_add(b, S("  folder: /var/lib/siegel\n"
			     "  log_folder: /var/log/siegel\n"
			     "  run_folder: /run/siegel\n"));
	buf_add(b, S("  # Who is told of alarms, and who instead when that person is away.\n"
		     "  #administrator: name@example.org\n"
		     "  #deputy: name@example.org\n"
		     "\n"
		     "#log:\n"
		     "#  retention_days: 30        # as your data protection officer decides\n"
		     "#  addresses: pseudonym      # full or pseudonym\n"
		     "\n"
		     "#relay:\n"
		     "#  relay_networks: [192.0.2.0/24]   # devices that cannot log in, and nothing else\n"));
}

static void complain(void *to, str text)
{
	(void)to;
	(void)refuse("%.*s", ARG(text));
}

/* The same check that a server makes, before anything is written. */
static bool is_valid(const struct init *in, str text, struct conf *conf)
{
	struct conf_source source = { .text = text,
		.name = S("siegel init"),
		.overrides = in->call->overrides,
		.overrides_count = in->call->overrides_count,
		.mistake = complain };
	return !failed(conf_read(&source, in->call->arena, conf));
}

static bool write_file(struct init *in, str text)
{
	int fd = openat(in->top, "siegel.yaml", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, CONF_MODE);
	bool written =
		fd >= 0 && fchmod(fd, CONF_MODE) == 0 && write(fd, text.p, text.n) == (ssize_t)text.n && fsync(fd) == 0;
	if (!written)
		buf_addf(&in->reason, "cannot write siegel.yaml: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
	return written;
}

static bool make_keys(struct init *in, const struct conf *conf)
{
	struct user owner;
	int folder;
	if (conf->server.folder.n > 0 && mkdir(conf->server.folder.p, OPEN_TO_ALL) != 0 && errno != EEXIST) {
		buf_addf(&in->reason, "cannot make %.*s: %s", ARG(conf->server.folder), strerror(errno));
		return false;
	}
	if (failed(folders_open(&conf->server, in->conf_path, in->call->arena, &in->setup.folders, &in->reason)) ||
		failed(user_of_role("keyring", &owner, &in->reason)) ||
		failed(folder_open(&in->setup.folders, "keys", &owner, &folder, &in->reason)))
		return false;
	/* A restored installation brings its own. */
	bool done = faccessat(folder, "tls.key", F_OK, 0) == 0 ||
		    !failed(certificate_make(folder, &owner, conf->server.hostname.p, &in->reason));
	close(folder);
	return done;
}

static int add_domain(void *to)
{
	struct init *in = to;
	struct buf word = buf_in(in->call->arena, in->domain.n + 32);
	buf_addf(&word, "domain=%.*s", ARG(in->domain));
	const str words[] = { buf_str(&word) };
	const struct request request = { "domain add", words, 1, NO_STR, .offline = true };
	return failed(client_send(&in->setup.folders, &request, NULL, NULL, &in->reason)) ? EXIT_REFUSED : EXIT_DONE;
}

static bool make_domain(struct init *in)
{
	int status = EXIT_REFUSED;
	if (failed(offline_run(&in->setup, add_domain, in, &status)) && in->reason.n == 0)
		buf_add(&in->reason, S("the directory cannot be started"));
	return status == EXIT_DONE;
}

static bool make_all(struct init *in)
{
	static struct conf conf;
	char room[TEXT_ROOM];
	struct buf text = BUF_ON(room), path = BUF_ON(in->conf_path);
	write_conf(in, &text);
	buf_addf(&path, "%.*s/siegel.yaml", ARG(in->dir));
	if (path.lost || text.lost) {
		buf_add(&in->reason, S("the name of the folder is too long"));
		return false;
	}
	if (!is_valid(in, buf_str(&text), &conf))
		return false;
	in->setup = (struct supervisor_setup){ .conf_path = in->conf_path,
		.overrides = in->call->overrides,
		.overrides_count = in->call->overrides_count,
		.programs = programs_folder(in->call->arena),
		.complain = complain };
	if (!make_folder(in) || failed(system_users_make(&in->reason)) || !make_keys(in, &conf) ||
		!write_file(in, buf_str(&text)))
		return false;
	if (make_domain(in))
		return true;
	unlinkat(in->top, "siegel.yaml", 0); /* so that it can be tried again */
	return false;
}

int run_init(const struct call *call)
{
	char room[REASON_ROOM];
	struct init in = { .call = call, .top = -1, .reason = BUF_ON(room) };
	in.dir = command_value(call, "dir");
	in.hostname = command_value(call, "hostname");
	in.domain = command_value(call, "domain");
	in.offset = command_value(call, "port-offset");
	in.listen = command_value(call, "listen");
	while (in.dir.n > 1 && str_ends(in.dir, S("/")))
		in.dir.n--;
	if (make_all(&in)) {
		printf("The installation is in %.*s. Next: siegel -c %s account add ..., siegel -c %s serve\n",
			ARG(in.dir), in.conf_path, in.conf_path);
		return EXIT_DONE;
	}
	return in.reason.n > 0 ? refuse("%.*s", ARG(buf_str(&in.reason))) : EXIT_REFUSED;
}
