/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/role.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/journal.h"
#include "ipc/peer.h"
#include "os/confine.h"

#define CONVERSATION "ipc/supervisor_role.def"
#include "ipc/conversation.h"

enum { LIFELINE = 3, HOME = 4, ARENA_BUDGET = 16 << 20, SETTINGS_BUDGET = 8 << 20, MALLOC_ARENAS = 2 };

/* Settings that are to hold later, all at once. */
struct settings {
	struct conf conf;
	struct arena *arena; /* which its lists and texts live in; NULL: there are none */
	err e;               /* the first thing that was wrong */
};

/* There is one service in a process; what only the skeleton touches stands here. */
static struct skeleton {
	struct service service;
	struct conf conf;
	struct arena *conf_arena; /* NULL: it lives as long as the process */
	struct settings next;
	struct channel lifeline;
	struct hear_counts heard;
	struct loop_watch lifeline_watch, finish_watch;
	struct loop_timer retirement;
	struct journal *journal;
	struct confined confined;
	bool is_less_confined; /* than it should be, by the word of the configuration */
	int finish;
	bool serving, failed;
} skeleton;

static void end(struct skeleton *k) { loop_stop(k->service.loop); }

static err set_lines(const struct skeleton *k, struct conf *conf, struct arena *a, str lines)
{
	struct msg_setting setting;
	err e = OK;
	while (msg_next_setting(&lines, k->service.out, &setting, &e))
		TRY(conf_set_line(conf, a, setting.line, NULL));
	return e;
}

/* A mistake in them costs the process nothing but these. */
static void set_later(const struct skeleton *k, struct settings *next, str lines)
{
	if (next->arena == NULL) {
		next->arena = arena_new("settings", SETTINGS_BUDGET);
		next->e = conf_init(&next->conf, next->arena);
	}
	if (!failed(next->e))
		next->e = set_lines(k, &next->conf, next->arena, lines);
}

static err on_settings(struct skeleton *k, const struct msg_settings *m, uint32_t tag)
{
	(void)tag;
	if (!k->serving)
		return set_lines(k, &k->conf, k->service.arena, m->lines);
	set_later(k, &k->next, m->lines);
	return OK;
}

static void take_next(struct skeleton *k)
{
	struct arena *before = k->conf_arena;
	k->conf = k->next.conf;
	k->conf_arena = k->next.arena;
	k->next.arena = NULL;
	k->service.role->renewed(&k->service);
	arena_free(&before);
}

static err on_renew(struct skeleton *k, const struct msg_renew *m, uint32_t tag)
{
	const err e = k->next.arena == NULL || k->service.role->renewed == NULL ? FAIL(UNSUPPORTED) : k->next.e;
	const struct msg_renewed answer = { .taken = !failed(e) };
	(void)m;
	(void)tag;
	if (failed(e)) {
		LOG(&k->service.log, settings_refused, F_ERR(e));
	} else {
		take_next(k);
		LOG(&k->service.log, settings_taken);
	}
	arena_free(&k->next.arena);
	return msg_send_renewed(&k->lifeline, 0, &answer);
}

static err on_channel(struct skeleton *k, const struct msg_channel *m, uint32_t tag)
{
	(void)tag;
	if (str_eq(m->peer, S("logger")) && m->pid == 0)
		journal_connect(k->journal, m->end);
	else if (k->service.role->channel != NULL)
		k->service.role->channel(&k->service, m->peer, m->account, m->pid, m->end);
	else
		close(m->end);
	return OK;
}

static err on_listener(struct skeleton *k, const struct msg_listener *m, uint32_t tag)
{
	(void)tag;
	if (k->service.role->listener != NULL)
		k->service.role->listener(&k->service, m->service, m->socket);
	else
		close(m->socket);
	return OK;
}

static err on_given_file(struct skeleton *k, const struct msg_given_file *m, uint32_t tag)
{
	(void)tag;
	if (k->service.role->file != NULL)
		k->service.role->file(&k->service, m->name, m->content);
	else
		close(m->content);
	return OK;
}

static err on_go(struct skeleton *k, const struct msg_go *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	TRY(k->service.role->start(&k->service));
	peers_start(&k->service);
	k->serving = true;
	struct msg_running running = { .landlock = k->confined.landlock, .seccomp = k->confined.seccomp };
	TRY(msg_send_running(&k->lifeline, 0, &running));
	LOG(&k->service.log, started, F_NUMBER("landlock", k->confined.landlock),
		F_NUMBER("seccomp", k->confined.seccomp));
	if (k->is_less_confined)
		LOG(&k->service.log, confinement_missing, F_NUMBER("landlock", k->confined.landlock),
			F_NUMBER("seccomp", k->confined.seccomp));
	return OK;
}

static void on_retired(void *to) { end(to); }

static err on_retire(struct skeleton *k, const struct msg_retire *m, uint32_t tag)
{
	(void)tag;
	loop_timer_start(k->service.loop, &k->retirement, (int64_t)m->seconds * 1000, on_retired, k);
	if (k->service.role->retire != NULL)
		k->service.role->retire(&k->service);
	else
		end(k);
	return OK;
}

static err on_stop(struct skeleton *k, const struct msg_stop *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	end(k);
	return OK;
}

#define CONVERSATION "ipc/supervisor_role.def"
#define HEAR lifeline_hear
#define HEAR_PEER struct skeleton
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void on_lifeline(void *to, uint32_t events)
{
	struct skeleton *k = to;
	(void)events;
	for (;;) {
		err e = channel_receive(&k->lifeline);
		if (e.code == ERR_AGAIN)
			return;
		/* Without its supervisor a process ends: another one will be started by the next. */
		if (e.code == ERR_CLOSED)
			break;
		if (!failed(e))
			e = lifeline_hear(k, &k->heard, k->lifeline.in);
		explicit_bzero(k->lifeline.in->bytes, k->lifeline.in->n);
		if (failed(e)) {
			fprintf(stderr, "siegel-%s: %s: message %u of the supervisor\n", k->service.role->name,
				err_text(e), k->lifeline.in->number);
			k->failed = true;
			break;
		}
	}
	end(k);
}

static void on_finish(void *to, uint32_t events)
{
	(void)events;
	end(to);
}

void service_finish(struct service *s)
{
	(void)s;
	uint64_t one = 1;
	ssize_t written = write(skeleton.finish, &one, sizeof one);
	(void)written; /* a counter that is full ends the loop just as well */
}

static bool confine_or_explain(struct skeleton *k, char **argv)
{
	const struct role *role = k->service.role;
	const struct confinement *row = confinement_of(str_of(role->name));
	uint64_t newest = 0;
	bool own_user = str_eq(str_of(argv[4]), S("own"));
	if (row == NULL || failed(str_number(str_of(argv[2]), 99, &newest)))
		return false;
	err e = confine(row, k->service.home, (unsigned)newest, own_user, &k->confined);
	if (e.code == ERR_UNSUPPORTED && str_eq(str_of(argv[3]), S("optional"))) {
		k->is_less_confined = true;
		return true;
	}
	if (failed(e))
		fprintf(stderr, "siegel-%s: cannot confine itself: %s%s%s\n", role->name, err_text(e),
			e.code == ERR_SYSTEM
				? ": "
				: "; a kernel with Landlock and seccomp is needed, or confinement.required: no",
			e.code == ERR_SYSTEM ? strerror(errno) : "");
	return !failed(e);
}

/* Keyboard and service manager signal the whole group; only the supervisor acts on it. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT };
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		signal(ignored[i], SIG_IGN);
}

static int in_any_order(const void *a, const void *b)
{
	(void)a;
	(void)b;
	return 0;
}

/* The first time that it sorts more than a kilobyte, the C library asks how much memory the machine has, by a call that no
 * role may make: so it asks now. */
static void sort_something(void)
{
	static uint64_t things[256];
	qsort(things, sizeof things / sizeof *things, sizeof *things, in_any_order);
}

static bool prepare(struct skeleton *k, const struct role *role, char **argv)
{
	struct service *s = &k->service;
	static struct frame frames[2];
	ignore_signals();
	prctl(PR_SET_NAME, argv[0]); /* started by descriptor, it would be called by that number */
	umask(077);
	mallopt(M_ARENA_MAX, MALLOC_ARENAS);
	sort_something();
	s->role = role;
	s->starting = true;
	s->instance = str_of(argv[1]);
	s->home = fcntl(HOME, F_GETFD) >= 0 ? HOME : -1;
	s->arena = arena_new(role->name, ARENA_BUDGET);
	s->conf = &k->conf;
	s->in = &frames[0];
	s->out = &frames[1];
	k->journal = journal_new();
	s->log = journal_log(k->journal);
	k->lifeline = channel_of(LIFELINE, s->in, s->out);
	k->finish = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->finish < 0 || failed(loop_new(&s->loop)) || failed(conf_init(&k->conf, s->arena)))
		return false;
	if (role->prepare != NULL)
		role->prepare(s);
	return confine_or_explain(k, argv) &&
	       !failed(loop_add(s->loop, &k->lifeline_watch, LIFELINE, EPOLLIN, on_lifeline, k)) &&
	       !failed(loop_add(s->loop, &k->finish_watch, k->finish, EPOLLIN, on_finish, k));
}

int role_main(const struct role *role, int argc, char **argv)
{
	struct skeleton *k = &skeleton;
	if (argc != 5 || fcntl(LIFELINE, F_GETFD) < 0) {
		fprintf(stderr, "siegel-%s is started by `siegel serve`, not by hand\n", role->name);
		return 2;
	}
	if (!prepare(k, role, argv))
		return 1;
	err e = loop_run(k->service.loop);
	if (k->serving && role->stop != NULL)
		role->stop(&k->service);
	return failed(e) || k->failed;
}
