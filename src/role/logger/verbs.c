/* SPDX-License-Identifier: Apache-2.0 */
/* log tail, alarm list, alarm ack. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.h"
#include "role/logger/logger.h"

enum { TAIL_LINES = 20, TAIL_LINES_MAX = 1000, TAIL_BYTES = 1 << 20, OVERHEAD = 1 << 10 };

/* The last bytes of the current file, from the beginning of a line. */
static str last_bytes(struct arena *a)
{
	struct stat st;
	size_t got = 0;
	int fd = openat(AT_FDCWD, "siegel.log", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		fd_close(&fd);
		return S("");
	}
	size_t size = (size_t)st.st_size, n = size < TAIL_BYTES ? size : TAIL_BYTES;
	char *p = arena_get(a, 1, n);
	while (p != NULL && got < n) {
		ssize_t step = pread(fd, p + got, n - got, (off_t)(size - n + got));
		if (step <= 0)
			break;
		got += (size_t)step;
	}
	fd_close(&fd);
	str text = str_from(p, p != NULL ? got : 0), cut;
	if (size > n && !str_cut(&text, '\n', &cut))
		return S("");
	return text;
}

static void send_last(struct admin *a, uint64_t lines)
{
	struct arena *arena = arena_new("log tail", TAIL_BYTES + OVERHEAD);
	str text = last_bytes(arena), line;
	uint64_t have = 0;
	for (size_t i = 0; i < text.n; i++)
		have += text.p[i] == '\n';
	while (str_cut(&text, '\n', &line))
		if (have-- <= lines && failed(admin_line(a, line)))
			break;
	arena_free(&arena);
}

static void stop_following(struct admin *a)
{
	struct logger *l = a->role;
	for (size_t i = 0; i < FOLLOWERS_MAX; i++)
		if (l->followers[i] == a)
			l->followers[i] = NULL;
	admin_done(a);
}

static void log_tail(struct admin *a)
{
	static const char *const known[] = { "lines", "follow", NULL };
	struct logger *l = a->role;
	uint64_t lines = TAIL_LINES;
	if (admin_refused_words(a, known))
		return;
	err e = admin_number(a, S("lines"), TAIL_LINES_MAX, &lines);
	if (failed(e) && e.code != ERR_ABSENT) {
		admin_refuse(a, "--lines takes a number up to %d", TAIL_LINES_MAX);
		return;
	}
	logger_flush(l);
	send_last(a, lines);
	if (!str_eq(admin_word(a, S("follow")), S("yes"))) {
		admin_done(a);
		return;
	}
	for (size_t i = 0; i < FOLLOWERS_MAX; i++)
		if (l->followers[i] == NULL) {
			l->followers[i] = a;
			a->gone = stop_following;
			return;
		}
	admin_refuse(a, "%d others follow the log already", FOLLOWERS_MAX);
}

static void write_alarm(struct admin *a, const struct alarm_entry *e)
{
	char room[2 * ALARM_TEXT_MAX + 512], first[32], last[32];
	struct buf line = BUF_ON(room), from = BUF_ON(first), to = BUF_ON(last);
	line_time(&from, e->first_ms);
	line_time(&to, e->last_ms);
	struct json j = json_begin(&line);
	json_number(&j, "number", e->number);
	json_text(&j, "alarm", str_of(log_event_name(e->event)));
	json_number(&j, "times", e->times);
	json_text(&j, "first", buf_str(&from));
	json_text(&j, "last", buf_str(&to));
	json_text(&j, "meaning", str_of(log_event_text(e->event)));
	json_text(&j, "entry", str_from(e->text, e->length));
	json_end(&j);
	if (!line.lost)
		IGNORE(admin_line(a, buf_str(&line))); /* a reader who has gone is noticed at the end */
}

static void alarm_list(struct admin *a)
{
	static const char *const known[] = { NULL };
	const struct logger *l = a->role;
	if (admin_refused_words(a, known))
		return;
	for (size_t i = 0; i < l->alarms.count; i++)
		write_alarm(a, &l->alarms.entry[i]);
	admin_done(a);
}

static void alarm_ack(struct admin *a)
{
	static const char *const known[] = { "number", NULL };
	struct logger *l = a->role;
	uint64_t number = 0;
	if (admin_refused_words(a, known))
		return;
	if (!str_eq(admin_word(a, S("number")), S("all")) && failed(admin_number(a, S("number"), INT64_MAX, &number))) {
		admin_refuse(a, "say the number of an alarm, or all");
		return;
	}
	if (!alarms_acknowledge(&l->alarms, number))
		admin_refuse(a, "there is no alarm %llu", (unsigned long long)number);
	else if (failed(alarms_save(&l->alarms)))
		admin_refuse(
			a, "the file of alarms cannot be written; the acknowledgement is forgotten at the next start");
	else
		admin_done(a);
}

const struct admin_verb logger_verbs[] = {
	{ "log tail", log_tail },
	{ "log trace", logger_trace },
	{ "alarm list", alarm_list },
	{ "alarm ack", alarm_ack },
	{ NULL, NULL },
};
