/* SPDX-License-Identifier: Apache-2.0 */
/* Commands that a role carries out: the words of the call are sent, the lines of the answer shown. */
#include "base/json.h"
#include "tool/client.h"
#include "tool/fields.h"
#include "tool/run.h"
#include "tool/show.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum { SECRET_MAX = 1024, REASON_ROOM = 1400, WAIT_MS = 50, WAITS = 1200, OWN_ROOM = 1000, OWN_BUDGET = 64 << 10 };

struct asking {
	const struct call *call;
	const struct supervisor_setup *setup;
	struct request request;
	/* How: NULL sends the request. */
	err (*send)(struct asking *a, struct show *s, struct buf *reason);
};

static void show(void *to, str json) { show_line(to, json); }

static err send_request(struct asking *a, struct show *s, struct buf *reason)
{
	return client_send(&a->setup->folders, &a->request, show, s, reason);
}

static err ask(struct asking *a, int *status, bool quiet_if_absent)
{
	char room[REASON_ROOM];
	struct buf reason = BUF_ON(room);
	struct show *s = show_begin(a->call);
	err e = a->send != NULL ? a->send(a, s, &reason) : send_request(a, s, &reason);
	show_end(s);
	if (failed(e) && !(e.code == ERR_ABSENT && quiet_if_absent))
		(void)refuse("%.*s", ARG(buf_str(&reason)));
	*status = failed(e) ? EXIT_REFUSED : EXIT_DONE;
	return e;
}

static bool is_of_queue(const struct request *r) { return str_starts(str_of(r->verb), S("queue ")); }

static int ask_offline(void *to)
{
	struct asking *a = to;
	int status = EXIT_REFUSED;
	a->request.offline = true;
	IGNORE(ask(a, &status, false)); /* the status says it */
	return status;
}

/* A server or another command may be about to start or to end: then it is tried again for a while. */
static int ask_somehow(struct asking *a)
{
	int status = EXIT_REFUSED;
	struct supervisor_setup setup = *a->setup;
	setup.offline_queue = is_of_queue(&a->request);
	for (int i = 0; i < WAITS; i++) {
		if (ask(a, &status, true).code != ERR_ABSENT)
			return status;
		err e = offline_run(&setup, ask_offline, a, &status);
		if (e.code != ERR_EXISTS)
			return status;
		(void)poll(NULL, 0, WAIT_MS);
	}
	return refuse("%s is held by another server or command that does not answer", a->setup->folders.top_path);
}

/* The first line of standard input, without its end. */
static bool read_secret(char *room, size_t size, str *out)
{
	size_t n = 0;
	while (n < size) {
		ssize_t got = read(STDIN_FILENO, room + n, size - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	str text = str_from(room, n), line = text;
	if (!str_cut(&text, '\n', &line) && n == size)
		return false;
	if (str_ends(line, S("\r")))
		line.n--;
	*out = line;
	return line.n > 0;
}

static bool is_for_us(const struct parameter *p) { return str_eq(str_of(p->name), S("password-stdin")); }

static bool is_file(const struct parameter *p) { return str_ends(str_of(p->name), S("-file")); }

/* The role reads it, nobody on the way. */
static bool open_file(const char *path, struct request *out)
{
	int fd = out->files_count < REQUEST_FILES ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;
	if (fd < 0) {
		(void)refuse("%s cannot be opened: %s", path, strerror(errno));
		return false;
	}
	out->files[out->files_count++] = fd;
	return true;
}

static bool make_request(const struct call *call, struct request *out)
{
	static char secret[SECRET_MAX];
	str *words = NEW(call->arena, str, WORDS_MAX);
	*out = (struct request){ .verb = call->command->words, .words = words };
	for (size_t i = 0; i < call->words_count; i++) {
		const struct parameter *p = call->words[i].parameter;
		struct buf b = buf_in(call->arena, strlen(p->name) + call->words[i].value.n + 2);
		if (is_for_us(p)) {
			if (read_secret(secret, sizeof secret, &out->secret))
				continue;
			(void)refuse("standard input holds no password, or one of more than %d bytes", SECRET_MAX - 1);
			return false;
		}
		if (is_file(p)) {
			if (!open_file(call->words[i].value.p, out))
				return false;
			continue;
		}
		buf_addf(&b, "%s=%.*s", p->name, ARG(call->words[i].value));
		words[out->words_count++] = buf_str(&b);
	}
	return true;
}

static bool begin_with(
	const struct call *call, enum call_mistakes mistakes, struct supervisor_setup *setup, struct asking *out)
{
	static struct conf conf;
	*out = (struct asking){ .call = call, .setup = setup };
	return !failed(call_open(call, mistakes, &conf, setup)) && make_request(call, &out->request);
}

static bool begin(const struct call *call, struct supervisor_setup *setup, struct asking *out)
{
	return begin_with(call, MISTAKES_TOLD, setup, out);
}

int run_client(const struct call *call)
{
	struct supervisor_setup setup;
	struct asking a;
	return begin(call, &setup, &a) ? ask_somehow(&a) : EXIT_REFUSED;
}

/* ---- route test ---- */

/* A domain as directory knows it. */
struct own_domain {
	struct arena *arena;
	str name, alias_of;
	bool is_ours, is_inner;
};

static void look_for_domain(void *to, str json)
{
	struct own_domain *own = to;
	struct fields f;
	if (own->is_ours)
		return;
	arena_reset(own->arena);
	if (failed(fields_parse(json, own->arena, &f)) || !str_eq_nocase(fields_get(&f, S("domain")), own->name))
		return;
	own->is_ours = true;
	own->is_inner = str_eq(fields_get(&f, S("inner")), S("yes"));
	own->alias_of = fields_get(&f, S("alias_of"));
}

static void show_own(struct show *s, const struct own_domain *own)
{
	char room[OWN_ROOM], words[OWN_ROOM];
	struct buf line = BUF_ON(room), reason = BUF_ON(words);
	if (own->is_inner)
		buf_add(&reason,
			S("the domain is ours, its mailboxes are on an inner server: its mail takes its own route "
			  "and no other"));
	else if (own->alias_of.n > 0)
		buf_addf(&reason, "the domain is ours, another name of %.*s: its mail stays here", ARG(own->alias_of));
	else
		buf_add(&reason, S("the domain is ours: its mail stays here"));
	struct json j = json_begin(&line);
	json_text(&j, "domain", own->name);
	json_text(&j, "state", own->is_inner ? S("inner") : S("here"));
	json_text(&j, "reason", buf_str(&reason));
	json_end(&j);
	show_line(s, buf_str(&line));
}

/* Which domains are ours is directory's to say. Only of those whose mail leaves sender knows anything. */
static err send_route_test(struct asking *a, struct show *s, struct buf *reason)
{
	const struct request list = { .verb = "domain list", .offline = a->request.offline };
	struct own_domain own = { .arena = arena_new("domains", OWN_BUDGET), .name = command_value(a->call, "domain") };
	str words[WORDS_MAX + 1];
	err e = client_send(&a->setup->folders, &list, look_for_domain, &own, reason);
	if (!failed(e) && own.is_ours)
		show_own(s, &own);
	if (!failed(e) && (!own.is_ours || own.is_inner)) {
		struct request test = a->request;
		memcpy(words, test.words, test.words_count * sizeof *words);
		if (own.is_inner)
			words[test.words_count++] = S("inner=yes");
		test.words = words;
		e = client_send(&a->setup->folders, &test, show, s, reason);
	}
	arena_free(&own.arena);
	return e;
}

int run_route_test(const struct call *call)
{
	struct supervisor_setup setup;
	struct asking a;
	if (!begin(call, &setup, &a))
		return EXIT_REFUSED;
	a.send = send_route_test;
	return ask_somehow(&a);
}

int run_running(const struct call *call)
{
	struct supervisor_setup setup;
	struct asking a;
	int status = EXIT_REFUSED;
	if (begin(call, &setup, &a))
		IGNORE(ask(&a, &status, false)); /* the status says it */
	return status;
}

/* The server reads the configuration too, and what it says of it is what counts. */
int run_reload(const struct call *call)
{
	struct supervisor_setup setup;
	struct asking a;
	int status = EXIT_REFUSED;
	if (begin_with(call, MISTAKES_SILENT, &setup, &a))
		IGNORE(ask(&a, &status, false)); /* the status says it */
	return status;
}

int run_stop(const struct call *call)
{
	struct supervisor_setup setup;
	struct asking a;
	char room[REASON_ROOM];
	struct buf reason = BUF_ON(room);
	pid_t owner = 0;
	if (!begin(call, &setup, &a))
		return EXIT_REFUSED;
	err e = client_send(&setup.folders, &a.request, NULL, NULL, &reason);
	/* `control` may end before it has carried the answer; what counts is that all has ended: then the lock is free. */
	if (failed(e) && e.code != ERR_CLOSED)
		return refuse("%.*s", ARG(buf_str(&reason)));
	for (int i = 0; i < WAITS; i++) {
		reason = BUF_ON(room);
		e = folders_lock(&setup.folders, &owner, &reason);
		if (e.code != ERR_EXISTS)
			return failed(e) ? refuse("%.*s", ARG(buf_str(&reason))) : EXIT_DONE;
		(void)poll(NULL, 0, WAIT_MS);
	}
	return refuse("the server in %s was told to stop and still runs", setup.folders.top_path);
}
