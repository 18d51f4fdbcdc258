/* SPDX-License-Identifier: Apache-2.0 */
/* A process lives through: down, starting (executed, fed), running, and then stopping, retiring or dead. Whatever goes wrong
 * while it is fed ends it by force, so that there is one way only by which a process is found to be gone: its exit. */
#include "role/supervisor/process.h"

#include "role/supervisor/files.h"
#include "role/supervisor/mailboxes.h"
#include "role/supervisor/peers.h"
#include "role/supervisor/reload.h"
#include "role/supervisor/spawn.h"
#include "role/supervisor/supervision.h"

#include "os/clock.h"
#include "os/fd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PROCESS_BUDGET = 16 << 10,
	PATIENCE = 1000,      /* ms, with a process that does not read its lifeline */
	STOP_PATIENCE = 8000, /* ms, until it is ended by force */
	FIRST_DELAY = 1000,   /* ms, before the second start in a row; then twice as long each time */
	DOUBLINGS_MAX = 12,
	GOOD_SERVICE = 60000,    /* ms, after which earlier failures are forgotten */
	LIFELINE_ROOM = 1 << 20, /* bytes that may wait in the lifeline: all settings and channels of a start */
	ARGUMENTS = 6,
	SETTINGS_ROOM = 61440, /* as in supervisor_role.def */
	SETTING_OVERHEAD = 16, /* what one takes besides its text, at most */
};

bool process_is_up(const struct process *p) { return p->state == PROCESS_STARTING || p->state == PROCESS_RUNNING; }

static size_t bucket_of(uint32_t account) { return account % ACCOUNT_BUCKETS; }

struct process *process_of_account(struct supervisor *s, uint32_t account)
{
	struct process *p = s->accounts[bucket_of(account)];
	while (p != NULL && p->account != account)
		p = p->next_of_account;
	return p;
}

struct process *process_new(
	struct supervisor *s, const struct row *row, const char *instance, uint32_t account, int home)
{
	struct arena *a = arena_new("process", PROCESS_BUDGET);
	struct process *p = NEW(a, struct process, 1);
	size_t index = (size_t)(row - rows);
	*p = (struct process){ .supervisor = s,
		.row = row,
		.user = s->users[index],
		.program = s->programs[index],
		.home = home,
		.account = account,
		.exit = -1,
		.arena = a };
	p->lifeline = channel_of(-1, s->service.in, s->service.out);
	p->lifeline_watch.fd = p->exit_watch.fd = -1;
	snprintf(p->instance, sizeof p->instance, "%s", instance);
	snprintf(p->name, sizeof p->name, *instance != '\0' && account == 0 ? "%s-%s" : "%s", row->role, instance);
	struct process **end =
		&s->processes; /* those of accounts stand in front, the others in the order of their start */
	while (account == 0 && *end != NULL)
		end = &(*end)->next;
	p->next = *end;
	*end = p;
	if (account != 0) {
		p->next_of_account = s->accounts[bucket_of(account)];
		s->accounts[bucket_of(account)] = p;
	}
	return p;
}

static void unlink_process(struct process *p)
{
	struct supervisor *s = p->supervisor;
	struct process **at = &s->processes;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	for (at = &s->accounts[bucket_of(p->account)]; *at != NULL; at = &(*at)->next_of_account)
		if (*at == p) {
			*at = p->next_of_account;
			break;
		}
	for (struct process *other = s->processes; other != NULL; other = other->next)
		if (other->replaces == p)
			other->replaces = NULL;
}

void process_free(struct process *p)
{
	loop_timer_stop(p->supervisor->service.loop, &p->timer);
	unlink_process(p);
	if (p->account != 0)
		fd_close(&p->home);
	struct arena *a = p->arena;
	arena_free(&a);
}

static void enter(struct process *p, enum process_state state)
{
	p->state = state;
	p->since = clock_ms();
}

void process_give_up(struct process *p)
{
	if (p->pid > 0)
		kill(p->pid, SIGKILL);
}

/* ---- feeding ---- */

/* Waits a little for a process that is slow to read: one that is not alive any more loses its life. */
static err sent(struct process *p, err e)
{
	if (failed(e) && e.code != ERR_CLOSED)
		process_give_up(p);
	return e;
}

struct channel process_line(const struct process *p)
{
	struct channel line = p->lifeline;
	line.waits = true;
	return line;
}

/* Settings on their way: many in a frame, since each frame costs a mailbox process a part of its start. */
struct feeding {
	struct channel line;
	struct buf lines;
	char room[SETTINGS_ROOM];
	err e;
};

static void send_lines(struct feeding *f)
{
	const struct msg_settings m = { .lines = buf_str(&f->lines) };
	if (!failed(f->e) && m.lines.n > 0)
		f->e = msg_send_settings(&f->line, 0, &m);
	f->lines = (struct buf)BUF_ON(f->room);
}

static void send_setting(void *to, str text)
{
	struct feeding *f = to;
	const struct msg_setting m = { .line = text };
	if (text.n + SETTING_OVERHEAD > SETTINGS_ROOM - f->lines.n)
		send_lines(f);
	if (!failed(f->e))
		f->e = msg_add_setting(&f->lines, f->line.out, &m);
}

static err send_settings(struct process *p)
{
	static struct feeding f;
	str rest = str_of(p->row->sections), section;
	f.line = process_line(p);
	f.lines = (struct buf)BUF_ON(f.room);
	f.e = OK;
	while (str_word(&rest, ' ', &section))
		TRY(conf_each(&p->supervisor->conf, section, send_setting, &f));
	send_lines(&f);
	return f.e;
}

static err send_listeners(struct process *p, const struct ports *ports)
{
	struct channel line = process_line(p);
	for (size_t i = 0; i < ports->count; i++) {
		struct msg_listener m = { .service = str_of(ports->all[i].service), .socket = ports->all[i].fd };
		if (row_has(p->row->listeners, m.service))
			TRY(msg_send_listener(&line, 0, &m));
	}
	return OK;
}

static err renew(struct process *p)
{
	struct channel line = process_line(p);
	TRY(send_settings(p));
	return msg_send_renew(&line, 0, &(const struct msg_renew){ 0 });
}

err process_renew(struct process *p) { return sent(p, renew(p)); }

static err feed(struct process *p)
{
	struct channel line = process_line(p);
	struct msg_go go = { 0 };
	TRY(send_settings(p));
	TRY(send_listeners(p, &p->supervisor->ports));
	TRY(send_listeners(p, &p->supervisor->local_ports));
	TRY(files_send(p));
	TRY(peers_connect(p));
	return msg_send_go(&line, 0, &go);
}

/* ---- its life ---- */

static err on_running(struct process *p, const struct msg_running *m, uint32_t tag)
{
	(void)tag;
	p->landlock = (unsigned)m->landlock;
	p->seccomp = m->seccomp;
	if (p->state != PROCESS_STARTING) /* it was told to stop before it could say so */
		return OK;
	enter(p, PROCESS_RUNNING);
	mailboxes_turn_over(p);
	if (p->account != 0)
		LOG(&p->supervisor->service.log, mailbox_started, F_NUMBER("account", p->account),
			F_NUMBER("process", (uint64_t)p->pid));
	supervision_changed(p->supervisor, p);
	return OK;
}

static err on_renewed(struct process *p, const struct msg_renewed *m, uint32_t tag)
{
	(void)tag;
	reload_renewed(p, m->taken);
	return OK;
}

#define CONVERSATION "ipc/supervisor_role.def"
#define HEAR process_hear
#define HEAR_PEER struct process
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static void on_lifeline(void *to, uint32_t events)
{
	struct process *p = to;
	(void)events;
	err e = channel_receive(&p->lifeline);
	if (e.code == ERR_AGAIN)
		return;
	if (!failed(e))
		e = process_hear(p, &p->heard, p->lifeline.in);
	if (!failed(e))
		return;
	loop_remove(p->supervisor->service.loop, &p->lifeline_watch);
	if (e.code == ERR_CLOSED)
		return; /* it is ending; its exit says the rest */
	LOG(&p->supervisor->service.log, channel_broken, F_TEXT("peer", str_of(p->name)), F_ERR(e));
	process_give_up(p);
}

static void describe(struct buf *b, int status)
{
	if (WIFSIGNALED(status))
		buf_addf(b, "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		buf_addf(b, "exit status %d", WEXITSTATUS(status));
}

static void forget_run(struct process *p)
{
	struct loop *loop = p->supervisor->service.loop;
	loop_timer_stop(loop, &p->timer);
	loop_remove(loop, &p->lifeline_watch);
	loop_remove(loop, &p->exit_watch);
	channel_close(&p->lifeline);
	fd_close(&p->exit);
	p->pid = 0;
}

static void start_again(void *to) { process_start_or_retry(to); }

unsigned process_delay(const struct process *p)
{
	unsigned longest = (unsigned)p->supervisor->conf.server.restart_delay_max * 1000;
	unsigned doublings = p->failures - 1 < DOUBLINGS_MAX ? p->failures - 1 : DOUBLINGS_MAX;
	unsigned delay = p->failures > 0 ? (unsigned)FIRST_DELAY << doublings : 0;
	return delay < longest ? delay : longest;
}

void process_try_again(struct process *p)
{
	loop_timer_start(p->supervisor->service.loop, &p->timer, process_delay(p), start_again, p);
	p->failures++;
	p->restarts++;
}

static void tell_death(struct process *p, pid_t pid, str reason)
{
	struct supervisor *s = p->supervisor;
	LOG(&s->service.log, process_died, F_TEXT("process_role", str_of(p->name)), F_NUMBER("process", (uint64_t)pid),
		F_NUMBER("account", p->account), F_TEXT("reason", reason), F_NUMBER("milliseconds", process_delay(p)));
	if (!s->ready) {
		struct buf b = BUF_ON(s->reason);
		buf_addf(&b, "siegel-%s ended at its start: %.*s", p->row->role, ARG(reason));
		s->setup->complain(s->setup->to, buf_str(&b));
	}
}

static void on_exit_of(void *to, uint32_t events)
{
	struct process *p = to;
	struct supervisor *s = p->supervisor;
	int status = 0;
	char room[100];
	struct buf reason = BUF_ON(room);
	(void)events;
	pid_t pid = p->pid;
	if (waitpid(pid, &status, WNOHANG) != pid)
		return;
	enum process_state was = p->state;
	bool in_order = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	bool expected = in_order && (was == PROCESS_STOPPING || was == PROCESS_RETIRING || p->account != 0);
	if (was == PROCESS_RUNNING && clock_ms() - p->since >= GOOD_SERVICE)
		p->failures = 0;
	p->crashed = !in_order;
	forget_run(p);
	enter(p, PROCESS_DOWN);
	describe(&reason, status);
	if (!expected)
		tell_death(p, pid, buf_str(&reason));
	supervision_ended(s, p, was);
}

static err watch(struct process *p)
{
	struct loop *loop = p->supervisor->service.loop;
	TRY(loop_add(loop, &p->exit_watch, p->exit, EPOLLIN, on_exit_of, p));
	return loop_add(loop, &p->lifeline_watch, p->lifeline.fd, EPOLLIN, on_lifeline, p);
}

static err execute(struct process *p, int lifeline)
{
	const struct conf_confinement *c = &p->supervisor->conf.confinement;
	char name[NAME_ROOM], newest[8], account[INSTANCE_MAX];
	char required[] = "required", optional[] = "optional", own[] = "own", shared[] = "shared";
	snprintf(name, sizeof name, "siegel-%s", p->row->role);
	snprintf(account, sizeof account, "%s", p->instance);
	snprintf(newest, sizeof newest, "%u", (unsigned)c->landlock_abi_max);
	char *const arguments[ARGUMENTS] = { name, account, newest, c->required ? required : optional,
		p->user.changes && !row_is_shared(p->row) ? own : shared, NULL };
	const struct spawn wanted = { p->program, lifeline, p->supervisor->errors[1], p->home, p->user.changes,
		p->user.uid, p->user.gid, arguments };
	return spawn(&wanted, &p->pid, &p->exit);
}

err process_start(struct process *p)
{
	int ends[2];
	const int room = LIFELINE_ROOM;
	loop_timer_stop(p->supervisor->service.loop, &p->timer);
	TRY(channel_pair(ends));
	err e = execute(p, ends[1]);
	fd_close(&ends[1]);
	if (failed(e)) {
		fd_close(&ends[0]);
		return e;
	}
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	p->lifeline = channel_waiting(ends[0], PATIENCE, p->supervisor->service.in, p->supervisor->service.out);
	p->lifeline.waits = false; /* for what it says; process_line() waits for what it is told */
	p->heard = (struct hear_counts){ { 0 } };
	enter(p, PROCESS_STARTING);
	e = watch(p);
	if (!failed(e))
		e = feed(p);
	if (failed(e))
		process_give_up(p);
	return OK;
}

void process_start_or_retry(struct process *p)
{
	err e = process_start(p);
	if (!failed(e))
		return;
	struct supervisor *s = p->supervisor;
	struct buf b = BUF_ON(s->reason);
	buf_addf(&b, "siegel-%s cannot be started: %s", p->row->role, strerror(errno));
	LOG(&s->service.log, process_died, F_TEXT("process_role", str_of(p->name)), F_TEXT("reason", buf_str(&b)));
	if (!s->ready)
		s->setup->complain(s->setup->to, buf_str(&b));
	supervision_ended(s, p, PROCESS_STARTING);
}

static void out_of_patience(void *to) { process_give_up(to); }

void process_stop(struct process *p)
{
	struct msg_stop m = { 0 };
	loop_timer_stop(p->supervisor->service.loop, &p->timer);
	if (p->pid == 0)
		return;
	struct channel line = p->lifeline; /* which does not wait: all are told at once */
	enter(p, PROCESS_STOPPING);
	if (failed(msg_send_stop(&line, 0, &m)))
		process_give_up(p);
	loop_timer_start(p->supervisor->service.loop, &p->timer, STOP_PATIENCE, out_of_patience, p);
}

void process_retire(struct process *p, unsigned seconds)
{
	struct msg_retire m = { .seconds = seconds };
	struct channel line = process_line(p);
	if (p->pid == 0)
		return;
	enter(p, PROCESS_RETIRING);
	loop_timer_start(
		p->supervisor->service.loop, &p->timer, (int64_t)seconds * 1000 + STOP_PATIENCE, out_of_patience, p);
	IGNORE(sent(p, msg_send_retire(&line, 0, &m))); /* a process that does not listen was just ended */
}
