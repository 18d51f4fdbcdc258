/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "os/fd.h"

#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

enum { COMMAND_BUDGET = 256 << 10, LINE_PATIENCE = 2000 };

struct session {
	struct admin admin; /* first: what the role gets is the session */
	struct admin_door *door;
	struct channel channel;
	struct hear_counts heard;
	struct loop_watch watch;
	struct arena *arena;
	bool running, gone; /* a command is under way; its channel has ended meanwhile */
};

struct admin_door {
	struct loop *loop;
	const struct admin_verb *verbs;
	void *role;
	struct log log;
	struct frame *in, *out;
	struct channel control;
	struct hear_counts heard;
	struct loop_watch watch;
	unsigned sessions;
};

static void session_free(struct session *s)
{
	loop_remove(s->door->loop, &s->watch);
	channel_close(&s->channel);
	s->door->sessions--;
	struct arena *arena = s->arena; /* which holds the session itself */
	arena_free(&arena);
}

static err take_words(struct session *s, str records)
{
	static struct frame scratch; /* the loop's thread only */
	struct admin *a = &s->admin;
	struct msg_word word;
	err e = OK;
	while (msg_next_word(&records, &scratch, &word, &e)) {
		if (a->words_count == ADMIN_WORDS_MAX)
			return FAIL(LIMIT);
		str value = arena_copy(s->arena, word.text), name;
		if (!str_cut(&value, '=', &name))
			return FAIL(SYNTAX);
		a->words[a->words_count].name = name;
		a->words[a->words_count++].value = value;
	}
	return e;
}

static err on_command(struct session *s, const struct msg_command *m, uint32_t tag)
{
	(void)tag;
	struct admin *a = &s->admin;
	if (s->running)
		return FAIL(STATE);
	a->verb = arena_copy(s->arena, m->verb);
	a->caller = arena_copy(s->arena, m->caller);
	a->secret = arena_copy(s->arena, m->secret);
	a->role = s->door->role;
	a->log = s->door->log;
	TRY(take_words(s, m->words));
	if (arena_spent(s->arena))
		return FAIL(LIMIT);
	s->running = true;
	for (const struct admin_verb *v = s->door->verbs; v->verb != NULL; v++)
		if (str_eq(a->verb, str_of(v->verb))) {
			v->run(a);
			return OK;
		}
	admin_refuse(a, "this server does not know \"%.*s\"", ARG(m->verb));
	return OK;
}

#define CONVERSATION "ipc/admin.def"
#define HEAR session_hear
#define HEAR_PEER struct session
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void on_session(void *to, uint32_t events)
{
	struct session *s = to;
	(void)events;
	err e = channel_receive(&s->channel);
	if (e.code == ERR_AGAIN)
		return;
	if (!failed(e) && !s->running) {
		struct frame *in = s->channel.in;
		e = session_hear(s, &s->heard, in);
		explicit_bzero(in->bytes, in->n);
		/* The command may have been answered, and the session be gone, by now: nothing of it is touched on success. */
		if (!failed(e))
			return;
	}
	/* The caller went away. A command under way is finished all the same, and the session with it. */
	if (s->running) {
		s->gone = true;
		loop_remove(s->door->loop, &s->watch);
		return;
	}
	session_free(s);
}

void admin_door_open(struct admin_door *door, int fd)
{
	if (door->sessions == ADMIN_SESSIONS_MAX) {
		fd_close(&fd);
		return;
	}
	struct arena *arena = arena_new("command", COMMAND_BUDGET);
	struct session *s = NEW(arena, struct session, 1);
	door->sessions++;
	s->door = door;
	s->arena = arena;
	s->channel = channel_of(fd, door->in, door->out);
	if (failed(loop_add(door->loop, &s->watch, fd, EPOLLIN, on_session, s)))
		session_free(s);
}

static err on_session_open(struct admin_door *door, const struct msg_session_open *m, uint32_t tag)
{
	(void)tag;
	admin_door_open(door, m->end);
	return OK;
}

#define CONVERSATION "ipc/opener_server.def"
#define HEAR control_hear
#define HEAR_PEER struct admin_door
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void on_control(void *to, uint32_t events)
{
	struct admin_door *door = to;
	(void)events;
	err e = channel_receive(&door->control);
	if (e.code == ERR_AGAIN)
		return;
	if (!failed(e))
		e = control_hear(door, &door->heard, door->in);
	if (!failed(e))
		return;
	if (e.code != ERR_CLOSED)
		LOG(&door->log, channel_broken, F_TEXT("peer", S("control")), F_ERR(e));
	loop_remove(door->loop, &door->watch);
	channel_close(&door->control);
}

struct admin_door *admin_door_new(struct service *service, const struct admin_verb *verbs, void *role)
{
	struct admin_door *door = NEW(service->arena, struct admin_door, 1);
	struct frame *frames = NEW(service->arena, struct frame, 2);
	if (door == NULL || frames == NULL)
		abort();
	door->loop = service->loop;
	door->log = service->log;
	door->verbs = verbs;
	door->role = role;
	door->in = &frames[0];
	door->out = &frames[1];
	door->control = channel_of(-1, door->in, door->out);
	door->watch.fd = -1;
	return door;
}

void admin_door_connect(struct admin_door *door, int fd)
{
	loop_remove(door->loop, &door->watch);
	channel_close(&door->control);
	door->control.fd = fd;
	if (failed(loop_add(door->loop, &door->watch, fd, EPOLLIN, on_control, door)))
		channel_close(&door->control);
}

str admin_word(const struct admin *a, str name)
{
	for (size_t i = 0; i < a->words_count; i++)
		if (str_eq(a->words[i].name, name))
			return a->words[i].value;
	return NO_STR;
}

err admin_number(const struct admin *a, str name, uint64_t highest, uint64_t *out)
{
	str word = admin_word(a, name);
	return word.p == NULL ? FAIL(ABSENT) : str_number(word, highest, out);
}

static bool is_known(str name, const char *const *known)
{
	for (; *known != NULL; known++)
		if (str_eq(name, str_of(*known)))
			return true;
	return false;
}

bool admin_refused_words(struct admin *a, const char *const *known)
{
	for (size_t i = 0; i < a->words_count; i++)
		if (!is_known(a->words[i].name, known)) {
			admin_refuse(a, "\"%.*s\" does not take %.*s", ARG(a->verb), ARG(a->words[i].name));
			return true;
		}
	return false;
}

static struct session *session_of(struct admin *a) { return (struct session *)a; /* its first member */ }

err admin_line(struct admin *a, str json)
{
	struct session *s = session_of(a);
	struct msg_line line = { .json = json };
	if (s->gone)
		return FAIL(CLOSED);
	/* A long list waits for its reader, but not for ever: this is the loop that serves everybody. */
	struct channel patient = channel_waiting(s->channel.fd, LINE_PATIENCE, s->door->in, s->door->out);
	err e = msg_send_line(&patient, 0, &line);
	if (failed(e))
		s->gone = true;
	return e;
}

static void finish(struct session *s, bool done, str reason)
{
	struct msg_end end = { .done = done, .reason = reason };
	if (!s->gone)
		IGNORE(msg_send_end(&s->channel, 0, &end)); /* a caller who has gone needs no answer */
	session_free(s);
}

void admin_done(struct admin *a) { finish(session_of(a), true, S("")); }

void admin_refuse(struct admin *a, const char *format, ...)
{
	char room[1024];
	va_list list;
	va_start(list, format);
	int n = vsnprintf(room, sizeof room, format, list);
	va_end(list);
	str reason = str_from(room, n < 0 ? 0 : (size_t)n < sizeof room ? (size_t)n : sizeof room - 1);
	for (size_t i = 0; i < reason.n; i++)
		if ((unsigned char)room[i] < ' ')
			room[i] = '?';
	LOG(&a->log, command_refused, F_TEXT("verb", a->verb), F_TEXT("caller", a->caller), F_TEXT("reason", reason));
	finish(session_of(a), false, reason);
}
