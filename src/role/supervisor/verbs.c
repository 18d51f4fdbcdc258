/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/verbs.h"

#include "role/supervisor/reload.h"
#include "role/supervisor/state.h"
#include "role/supervisor/supervision.h"

#include "os/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { PROC_ROOM = 4096, LINE_ROOM = 1024 };

static const char *const no_words[] = { NULL };

static str read_proc(pid_t pid, const char *file, char *room, size_t n)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, room, n) : -1;
	if (fd >= 0)
		close(fd);
	return got > 0 ? str_from(room, (size_t)got) : NO_STR;
}

/* "Pss:        1234 kB" */
static bool find_kib(str text, str name, uint64_t *out)
{
	str line;
	while (str_word(&text, '\n', &line))
		if (str_starts(line, name)) {
			str rest = str_trim(str_after(line, name.n)), number;
			return str_cut(&rest, ' ', &number) && !failed(str_number(number, UINT64_MAX >> 10, out));
		}
	return false;
}

/* The proportional share is the truth, but a confined process shows it to root alone. */
static void write_memory(struct json *j, pid_t pid)
{
	char room[PROC_ROOM];
	uint64_t kib = 0;
	if (find_kib(read_proc(pid, "smaps_rollup", room, sizeof room), S("Pss:"), &kib))
		json_number(j, "pss_kib", kib);
	else if (find_kib(read_proc(pid, "status", room, sizeof room), S("VmRSS:"), &kib))
		json_number(j, "rss_kib", kib);
}

static void write_process(struct admin *a, const struct process *p)
{
	static const char *const states[] = { [PROCESS_DOWN] = "down",
		[PROCESS_STARTING] = "starting",
		[PROCESS_RUNNING] = "running",
		[PROCESS_RETIRING] = "retiring",
		[PROCESS_STOPPING] = "stopping" };
	char room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	struct json j = json_begin(&line);
	json_text(&j, "role", str_of(p->row->role));
	json_text(&j, "instance", str_of(p->instance));
	json_text(&j, "state", str_of(states[p->state]));
	json_number(&j, "pid", (uint64_t)p->pid);
	if (p->pid > 0)
		write_memory(&j, p->pid);
	json_number(&j, "landlock", p->landlock);
	json_flag(&j, "seccomp", p->seccomp);
	json_number(&j, "seconds", (uint64_t)(clock_ms() - p->since) / 1000);
	json_number(&j, "restarts", p->restarts);
	json_end(&j);
	IGNORE(admin_line(a, buf_str(&line))); /* a caller who has gone needs no list */
}

static void write_self(struct admin *a, const struct supervisor *s)
{
	char room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	struct json j = json_begin(&line);
	json_text(&j, "role", S("supervisor"));
	json_text(&j, "instance", S(""));
	json_text(&j, "state", s->stopping ? S("stopping") : s->ready ? S("running") : S("starting"));
	json_number(&j, "pid", (uint64_t)getpid());
	write_memory(&j, getpid());
	json_number(&j, "landlock", 0);
	json_flag(&j, "seccomp", false);
	json_number(&j, "seconds", (uint64_t)(clock_ms() - s->since) / 1000);
	json_number(&j, "restarts", 0);
	json_end(&j);
	IGNORE(admin_line(a, buf_str(&line))); /* as above */
}

static void status(struct admin *a)
{
	const struct supervisor *s = a->role;
	if (admin_refused_words(a, no_words))
		return;
	write_self(a, s);
	for (size_t i = 0; i < ROWS; i++) /* the table's order, not that of the list */
		for (const struct process *p = s->processes; p != NULL; p = p->next)
			if (p->row == &rows[i])
				write_process(a, p);
	admin_done(a);
}

static void reload(struct admin *a)
{
	if (!admin_refused_words(a, no_words))
		reload_begin(a->role, a);
}

static void stop(struct admin *a)
{
	struct supervisor *s = a->role;
	if (admin_refused_words(a, no_words))
		return;
	admin_done(a);
	supervision_stop(s);
}

const struct admin_verb supervisor_verbs[] = {
	{ "status", status },
	{ "reload", reload },
	{ "stop", stop },
	{ NULL, NULL },
};
