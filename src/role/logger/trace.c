/* SPDX-License-Identifier: Apache-2.0 */
/* log trace: all lines of all files that hold an id. A chunk at a time, so that entries are taken meanwhile. Of a message the
 * first reading finds the sessions that brought it, the second shows what they did before and after, without what else
 * they brought. */
#include <fcntl.h>
#include <unistd.h>

#include "os/fd.h"
#include "role/logger/logger.h"

enum { CHUNK = 256 << 10, LINES_MAX = 100000, OVERHEAD = 4 << 10, SESSIONS_MAX = 8, SESSION_NAME = 32 };

struct trace {
	struct arena *arena; /* which holds the trace itself */
	str id;
	int fd; /* the file that is read at the moment, or -1 */
	size_t names_count, at;
	unsigned found;
	bool is_second; /* reading */
	char sessions[SESSIONS_MAX][SESSION_NAME];
	size_t sessions_count;
	size_t held; /* bytes of a line that goes on in the next chunk */
	char chunk[CHUNK];
	char names[LOG_FILES_MAX][LOG_FILE_NAME];
};

static void trace_end(struct admin *a)
{
	struct trace *t = a->state;
	unsigned found = t->found;
	struct arena *arena = t->arena;
	fd_close(&t->fd);
	arena_free(&arena);
	if (found == 0)
		admin_refuse(a, "nothing in the log knows %.*s", ARG(admin_word(a, S("id"))));
	else if (found > LINES_MAX)
		admin_refuse(a, "there are more than %d lines: a longer id finds fewer", LINES_MAX);
	else
		admin_done(a);
}

/* False: that was all, or enough. */
static bool open_next(struct trace *t)
{
	while (t->fd < 0 && t->at < t->names_count)
		t->fd = openat(AT_FDCWD, t->names[t->at++], O_RDONLY | O_CLOEXEC);
	return t->fd >= 0;
}

static bool has_name(str line, const char *name, str *value)
{
	size_t at = str_find_str(line, str_of(name));
	str rest = at != STR_NONE ? str_after(line, at + strlen(name)) : NO_STR;
	return at != STR_NONE && str_cut(&rest, '"', value);
}

static bool is_ours(const struct trace *t, str session)
{
	for (size_t i = 0; i < t->sessions_count; i++)
		if (str_eq(str_of(t->sessions[i]), session))
			return true;
	return false;
}

/* The session of a line about the message. */
static void note_session(struct trace *t, str line)
{
	str message, session;
	if (!has_name(line, "\"message\":\"", &message) || !str_starts(message, t->id) ||
		!has_name(line, "\"session\":\"", &session) || session.n >= SESSION_NAME || is_ours(t, session) ||
		t->sessions_count == SESSIONS_MAX)
		return;
	memcpy(t->sessions[t->sessions_count++], session.p, session.n);
}

/* That somebody asked for the trace is no part of it. */
static bool belongs(const struct trace *t, str line)
{
	str message, session;
	if (str_find_str(line, S("\"verb\":\"log trace\"")) != STR_NONE)
		return false;
	if (str_find_str(line, t->id) != STR_NONE)
		return true;
	return has_name(line, "\"session\":\"", &session) && is_ours(t, session) &&
	       !has_name(line, "\"message\":\"", &message);
}

/* Shows the whole lines among the held bytes that have the id. Lines longer than a chunk do not exist. */
static err show_lines(struct admin *a, struct trace *t)
{
	str text = str_from(t->chunk, t->held), line;
	while (str_cut(&text, '\n', &line)) {
		if (!t->is_second)
			note_session(t, line);
		if (!t->is_second || !belongs(t, line))
			continue;
		if (++t->found > LINES_MAX)
			return FAIL(LIMIT);
		TRY(admin_line(a, line));
	}
	t->held = text.n < CHUNK ? text.n : 0;
	memmove(t->chunk, text.p, t->held);
	return OK;
}

static void more(struct admin *a)
{
	struct trace *t = a->state;
	if (!open_next(t) && t->is_second) {
		trace_end(a);
		return;
	}
	if (t->fd < 0) {
		t->is_second = true;
		t->at = 0;
		return;
	}
	ssize_t n = read(t->fd, t->chunk + t->held, CHUNK - t->held);
	if (n <= 0) {
		fd_close(&t->fd);
		t->held = 0;
		return;
	}
	t->held += (size_t)n;
	if (failed(show_lines(a, t)))
		trace_end(a);
}

void logger_trace(struct admin *a)
{
	static const char *const known[] = { "id", NULL };
	if (admin_refused_words(a, known))
		return;
	str id = admin_word(a, S("id"));
	if (id.n < 4 || !str_is(CH_TOKEN, id)) {
		admin_refuse(a, "a trace needs the id of a message or session, four characters or more");
		return;
	}
	logger_flush(a->role);
	struct arena *arena = arena_new("log trace", sizeof(struct trace) + OVERHEAD);
	struct trace *t = NEW(arena, struct trace, 1);
	t->arena = arena;
	t->id = id;
	t->fd = -1;
	t->names_count = log_files(t->names, LOG_FILES_MAX);
	a->state = t;
	a->gone = trace_end;
	admin_go_on(a, more);
}
