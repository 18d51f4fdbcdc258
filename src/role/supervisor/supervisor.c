/* SPDX-License-Identifier: Apache-2.0 */
/* The start, step by step, and the main loop. What follows from a process' life stands in supervision.c. */
#include "role/supervisor/supervisor.h"

#include "role/supervisor/keys.h"
#include "role/supervisor/last_words.h"
#include "role/supervisor/machine_users.h"
#include "role/supervisor/notify.h"
#include "role/supervisor/process.h"
#include "role/supervisor/reload.h"
#include "role/supervisor/spawn.h"
#include "role/supervisor/supervision.h"
#include "role/supervisor/verbs.h"

#include "conf/file.h"
#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	CONF_BUDGET = 8 << 20,
	SELF_BUDGET = 4 << 20,
	FILES_MAX = 1 << 19, /* descriptors: a few for each mailbox process */
	START_PATIENCE = 60000,
	LEAST_PER_CORE = 2,
	MOST_PER_CORE = 16,
};

static void complain(struct supervisor *s, str text) { s->setup->complain(s->setup->to, text); }

err configuration_read(const struct supervisor_setup *setup, struct arena *a, struct conf *out)
{
	char room[REASON_MAX];
	struct buf reason = BUF_ON(room);
	str path = str_of(setup->conf_path), text;
	const struct file_wanted file = { AT_FDCWD, setup->conf_path, false, CONF_FILE_MAX };
	err e = folder_read(&file, a, &text, &reason);
	if (failed(e)) {
		setup->complain(setup->to, buf_str(&reason));
		return e;
	}
	struct conf_source source = { text, path, setup->overrides, setup->overrides_count, setup->forgiving,
		setup->complain, setup->to };
	return conf_read(&source, a, out);
}

/* ---- before the first process ---- */

static bool takes_part(const struct supervisor *s, const struct row *row)
{
	return !s->setup->offline || (row->flags & (s->setup->offline_queue ? OFFLINE_QUEUE : OFFLINE)) != 0;
}

static int open_program(const char *folder, const char *role)
{
	char path[PATH_MAX];
	struct buf b = BUF_ON(path);
	buf_addf(&b, "%s/siegel-%s", folder, role);
	return b.lost ? -1 : open(path, O_PATH | O_CLOEXEC);
}

static err open_row(struct supervisor *s, size_t i, struct buf *reason)
{
	const struct row *row = &rows[i];
	s->programs[i] = open_program(s->setup->programs, row->role);
	if (s->programs[i] < 0) {
		buf_addf(reason, "the program siegel-%s is missing in %s", row->role, s->setup->programs);
		return FAIL(ABSENT);
	}
	/* A mailbox process has its account's user number, and the folder above the accounts' own stays the server's. */
	if ((row->flags & ON_DEMAND) != 0)
		s->users[i] = (struct user){ geteuid(), getegid(), false };
	else
		TRY(user_of_role(row->role, &s->users[i], reason));
	return *row->home != '\0' ? folder_open(&s->folders, row->home, &s->users[i], &s->homes[i], reason) : OK;
}

static err open_rows(struct supervisor *s, struct buf *reason)
{
	for (size_t i = 0; i < ROWS; i++)
		s->programs[i] = s->homes[i] = -1;
	for (size_t i = 0; i < ROWS; i++)
		if (takes_part(s, &rows[i]))
			TRY(open_row(s, i, reason));
	return OK;
}

static err check_keys(struct supervisor *s, struct buf *reason)
{
	size_t i = (size_t)(row_of(S("keyring")) - rows);
	return keys_check(s->homes[i], &s->users[i], reason);
}

static void raise_limits(void)
{
	struct rlimit now;
	if (getrlimit(RLIMIT_NOFILE, &now) != 0)
		return;
	struct rlimit wanted = { FILES_MAX, FILES_MAX };
	if (now.rlim_max < FILES_MAX && setrlimit(RLIMIT_NOFILE, &wanted) == 0)
		return;
	now.rlim_cur = now.rlim_max;
	setrlimit(RLIMIT_NOFILE, &now); /* fewer will do */
}

static void on_signal(void *to, uint32_t events)
{
	struct supervisor *s = to;
	struct signalfd_siginfo info;
	(void)events;
	if (read(s->signals, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	if (info.ssi_signo == SIGHUP) {
		reload_begin(s, NULL);
	} else {
		notify("STOPPING=1");
		supervision_stop(s);
	}
}

static err take_signals(struct supervisor *s)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGPIPE);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return FAIL(SYSTEM);
	s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0)
		return FAIL(SYSTEM);
	return loop_add(s->service.loop, &s->signal_watch, s->signals, EPOLLIN, on_signal, s);
}

static void on_jump(void *to, const struct clock_jump *jump)
{
	struct supervisor *s = to;
	LOG(&s->service.log, clock_jumped, F_TEXT("direction", jump->forward ? S("forward") : S("back")),
		F_NUMBER("milliseconds", jump->milliseconds));
}

static err prepare_self(struct supervisor *s)
{
	static struct frame frames[2];
	s->since = clock_ms();
	raise_limits();
	TRY(spawn_prepare());
	TRY(loop_new(&s->service.loop));
	s->service.in = &frames[0];
	s->service.out = &frames[1];
	s->service.arena = arena_new("supervisor", SELF_BUDGET);
	s->service.home = -1;
	s->journal = journal_new();
	s->service.log = journal_log(s->journal);
	s->mailroom = channel_of(-1, s->service.in, s->service.out);
	s->mailroom_watch.fd = -1;
	s->door = admin_door_new(&s->service, supervisor_verbs, s);
	TRY(last_words_open(s));
	TRY(clock_watch_start(s->service.loop, &s->clock, on_jump, s));
	return take_signals(s);
}

static err prepare(struct supervisor *s)
{
	struct buf reason = BUF_ON(s->reason);
	err e = prepare_self(s);
	if (failed(e)) {
		buf_addf(&reason, "cannot prepare itself: %s", strerror(errno));
	} else {
		s->conf_arena = arena_new("configuration", CONF_BUDGET);
		TRY(configuration_read(s->setup, s->conf_arena, &s->conf));
		s->first_arena = s->conf_arena;
		s->first = s->conf;
		e = open_rows(s, &reason);
	}
	if (!failed(e) && !s->setup->offline) /* a command may be about to bring the key */
		e = check_keys(s, &reason);
	if (!failed(e) && !s->setup->offline)
		e = ports_open(&s->conf.server, NULL, &s->ports, &reason);
	if (!failed(e))
		e = ports_open_control(s->folders.run, ports_door(s->setup->offline), &s->local_ports, &reason);
	if (!failed(e) && !s->setup->offline)
		e = ports_open_submit(s->folders.run, &s->conf.local, &s->local_ports, &reason);
	if (failed(e))
		complain(s, reason.n > 0 ? buf_str(&reason) : str_of(err_text(e)));
	return e;
}

/* ---- the processes ---- */

static bool is_offered(const struct supervisor *s, const struct row *row)
{
	if (*row->listeners == '\0' || row_has(row->listeners, S("control")))
		return true;
	return ports_have(&s->ports, row->listeners) || ports_have(&s->local_ports, row->listeners);
}

static unsigned how_many(const struct row *row)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	if ((row->flags & PER_CORE) == 0)
		return 1;
	return cores < LEAST_PER_CORE ? LEAST_PER_CORE : cores > MOST_PER_CORE ? MOST_PER_CORE : (unsigned)cores;
}

static void start_row(struct supervisor *s, const struct row *row)
{
	char number[INSTANCE_MAX];
	unsigned count = how_many(row);
	if (!takes_part(s, row) || (row->flags & ON_DEMAND) != 0 || !is_offered(s, row))
		return;
	for (unsigned i = 1; i <= count && !s->stopping; i++) {
		snprintf(number, sizeof number, "%u", i);
		const char *instance = (row->flags & PER_CORE) != 0 ? number : row->instance;
		process_start_or_retry(process_new(s, row, instance, 0, s->homes[row - rows]));
	}
}

static void out_of_patience(void *to)
{
	struct supervisor *s = to;
	for (const struct process *p = s->processes; p != NULL; p = p->next)
		if (p->state != PROCESS_RUNNING) {
			struct buf b = BUF_ON(s->reason);
			buf_addf(&b, "siegel-%s does not come to serve", p->row->role);
			complain(s, buf_str(&b));
		}
	s->broken = true;
	supervision_stop(s);
}

static void clean_up(struct supervisor *s)
{
	while (s->processes != NULL)
		process_free(s->processes);
	for (size_t i = 0; i < ROWS; i++) {
		fd_close(&s->programs[i]);
		fd_close(&s->homes[i]);
	}
	ports_close(&s->ports);
	if (s->local_ports.count > 0)
		unlinkat(s->folders.run, ports_door(s->setup->offline), 0);
	if (s->local_ports.count > 1) {
		unlinkat(s->folders.run, PORTS_SUBMIT, 0);
		unlinkat(s->folders.run, PORTS_ASK, 0);
	}
	ports_close(&s->local_ports);
	folders_close(&s->folders);
	if (s->first_arena != s->conf_arena)
		arena_free(&s->first_arena);
	arena_free(&s->conf_arena);
	arena_free(&s->service.arena);
	fd_close(&s->signals);
	last_words_close(s);
	clock_watch_stop(&s->clock);
	loop_free(&s->service.loop);
}

int supervisor_serve(const struct supervisor_setup *setup)
{
	static struct supervisor supervisor;
	struct supervisor *s = &supervisor;
	*s = (struct supervisor){
		.setup = setup, .folders = setup->folders, .signals = -1, .clock.fd = -1, .errors = { -1, -1 }
	};
	err e = prepare(s);
	if (!failed(e)) {
		loop_timer_start(s->service.loop, &s->patience, START_PATIENCE, out_of_patience, s);
		for (size_t i = 0; i < ROWS && !s->stopping; i++)
			start_row(s, &rows[i]);
		machine_users_watch(s);
		LOG(&s->service.log, config_loaded);
		if (s->phase <= PHASES) /* otherwise all has ended already */
			e = loop_run(s->service.loop);
	}
	clean_up(s);
	return failed(e) || s->broken;
}
