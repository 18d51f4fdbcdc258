/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/admin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ipc/answer.h"
#include "ipc/peer.h"
#include "os/fd.h"

#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

enum {
	COMMAND_BUDGET = 256 << 10,
	REASON_MAX = 1024,
	HELD_MAX = 16 << 20,     /* bytes of lines that wait for their readers, of all sessions together */
	PATIENCE_MS = 60 * 1000, /* how long a reader may take nothing */
};

struct session {
	struct admin admin; /* first: what the role gets is the session */
	struct admin_door *door;
	struct channel channel;
	struct hear_counts heard;
	struct loop_watch watch;
	struct loop_timer patience;
	struct answer answer; /* lines that wait for their reader */
	bool running, gone;   /* a command is under way; its channel has ended meanwhile */
	bool cut;             /* a line was refused: what comes out is not the whole answer */
	bool ending, done;    /* the end waits for its turn: this way or for that reason */
	size_t reason_length;
	char reason[REASON_MAX];
};

struct admin_door {
	struct loop *loop;
	const struct admin_verb *verbs;
	void *role;
	struct log log;
	struct frame *in, *out;
	struct peer control;
	unsigned sessions;
	size_t held; /* bytes of lines that wait, of all sessions */
};

static void forget_answer(struct session *s)
{
	s->door->held -= s->answer.held;
	answer_free(&s->answer);
}

static void session_free(struct session *s)
{
	loop_remove(s->door->loop, &s->watch);
	loop_timer_stop(s->door->loop, &s->patience);
	channel_close(&s->channel);
	forget_answer(s);
	for (size_t i = 0; i < ADMIN_FILES; i++)
		fd_close(&s->admin.files[i]);
	s->door->sessions--;
	struct arena *arena = s->admin.arena; /* which holds the session itself */
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
		str value = arena_copy(s->admin.arena, word.text), name;
		if (!str_cut(&value, '=', &name))
			return FAIL(SYNTAX);
		a->words[a->words_count].name = name;
		a->words[a->words_count++].value = value;
	}
	return e;
}

static err on_file(struct session *s, const struct msg_file *m, uint32_t tag)
{
	int fd = m->file;
	(void)tag;
	for (size_t i = 0; i < ADMIN_FILES; i++)
		if (s->admin.files[i] < 0) {
			s->admin.files[i] = fd;
			return OK;
		}
	fd_close(&fd);
	return FAIL(LIMIT);
}

static err on_command(struct session *s, const struct msg_command *m, uint32_t tag)
{
	(void)tag;
	struct admin *a = &s->admin;
	if (s->running)
		return FAIL(STATE);
	a->verb = arena_copy(s->admin.arena, m->verb);
	a->caller = arena_copy(s->admin.arena, m->caller);
	a->secret = arena_copy(s->admin.arena, m->secret);
	a->role = s->door->role;
	a->log = s->door->log;
	TRY(take_words(s, m->words));
	if (arena_spent(s->admin.arena))
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

/* ---- the way out ---- */

/* Nobody reads any more. A command that waits for something is finished all the same, and the session with it. */
static void caller_gone(struct session *s)
{
	struct admin *a = &s->admin;
	loop_remove(s->door->loop, &s->watch);
	loop_timer_stop(s->door->loop, &s->patience);
	forget_answer(s);
	s->gone = true;
	if (s->ending || (a->more != NULL && a->gone == NULL))
		session_free(s);
	else if (a->gone != NULL)
		a->gone(a);
}

static void on_patience(void *to)
{
	struct session *s = to;
	LOG(&s->door->log, command_refused, F_TEXT("verb", s->admin.verb), F_TEXT("caller", s->admin.caller),
		F_TEXT("reason", S("the answer is not read")));
	caller_gone(s);
}

/* Whoever has lines waiting is to take one within the time. */
static void be_patient(struct session *s)
{
	loop_timer_start(s->door->loop, &s->patience, PATIENCE_MS, on_patience, s);
}

/* Sends what waits. ERR_BUSY: not all of it for now. */
static err push_lines(struct session *s)
{
	size_t before = s->answer.held;
	str line;
	err e = OK;
	bool moved = false;
	while (!failed(e) && answer_first(&s->answer, &line)) {
		struct msg_line m = { .json = line };
		e = msg_send_line(&s->channel, 0, &m);
		if (failed(e))
			break;
		answer_drop_first(&s->answer);
		moved = true;
	}
	s->door->held -= before - s->answer.held;
	if (moved)
		be_patient(s);
	return e;
}

static err push_end(struct session *s)
{
	struct msg_end end = { .done = s->done, .reason = str_from(s->reason, s->reason_length) };
	return msg_send_end(&s->channel, 0, &end);
}

/* There is room: for what waits, then for the end or for more of the command. */
static void push(struct session *s)
{
	struct admin *a = &s->admin;
	err e = push_lines(s);
	if (!failed(e) && s->ending)
		e = push_end(s);
	if (e.code == ERR_BUSY)
		return;
	if (failed(e)) {
		caller_gone(s);
		return;
	}
	if (s->ending) {
		session_free(s);
		return;
	}
	loop_timer_stop(s->door->loop, &s->patience);
	if (a->more != NULL)
		a->more(a);
	else if (failed(loop_change(s->door->loop, &s->watch, EPOLLIN)))
		caller_gone(s);
}

static void wait_for_room(struct session *s)
{
	if (failed(loop_change(s->door->loop, &s->watch, EPOLLIN | EPOLLOUT)))
		abort(); /* the watch is there, and changing it allocates nothing */
}

void admin_go_on(struct admin *a, void (*more)(struct admin *a))
{
	struct session *s = (struct session *)a;
	a->more = more;
	if (!s->gone)
		wait_for_room(s);
	else
		caller_gone(s);
}

static void take_command(struct session *s)
{
	err e = channel_receive(&s->channel);
	if (e.code == ERR_AGAIN)
		return;
	if (!failed(e)) {
		struct frame *in = s->channel.in;
		e = session_hear(s, &s->heard, in);
		explicit_bzero(in->bytes, in->n);
		/* The command may have been answered, and the session be gone, by now: nothing of it is touched on success. */
		if (!failed(e))
			return;
	}
	session_free(s);
}

/* While a command is under way the caller has nothing to say: whoever speaks is treated as one who has gone. */
static bool is_silent(struct session *s)
{
	err e = channel_receive(&s->channel);
	if (!failed(e))
		frame_drop(s->channel.in);
	return e.code == ERR_AGAIN;
}

static void on_session(void *to, uint32_t events)
{
	struct session *s = to;
	if (!s->running)
		take_command(s);
	else if ((events & ~(uint32_t)EPOLLOUT) != 0 && !is_silent(s))
		caller_gone(s);
	else if ((events & EPOLLOUT) != 0)
		push(s);
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
	s->admin.arena = arena;
	for (size_t i = 0; i < ADMIN_FILES; i++)
		s->admin.files[i] = -1;
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
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static const struct peer_kind control_kind = { .name = "control", .hear = control_hear };

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
	peer_init(&door->control, service, &control_kind, door);
	return door;
}

void admin_door_connect(struct admin_door *door, int fd)
{
	IGNORE(peer_open(&door->control, fd)); /* or it finds its end closed */
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

static err keep_line(struct session *s, str json)
{
	size_t before = s->answer.held;
	if (s->door->held + json.n > HELD_MAX || failed(answer_add(&s->answer, json))) {
		s->cut = true;
		return FAIL(LIMIT);
	}
	s->door->held += s->answer.held - before;
	if (before == 0) {
		be_patient(s);
		wait_for_room(s);
	}
	return OK;
}

err admin_line(struct admin *a, str json)
{
	struct session *s = session_of(a);
	struct msg_line line = { .json = json };
	if (s->gone || s->cut)
		return s->gone ? FAIL(CLOSED) : FAIL(LIMIT);
	err e = s->answer.first == NULL ? msg_send_line(&s->channel, 0, &line) : FAIL(BUSY);
	return e.code == ERR_BUSY ? keep_line(s, json) : e;
}

static void finish(struct session *s, bool done, str reason)
{
	if (done && s->cut) {
		done = false;
		reason = S("the answer is too long to be kept for somebody who reads so slowly");
	}
	s->ending = true;
	s->done = done;
	s->reason_length = reason.n < REASON_MAX ? reason.n : REASON_MAX;
	memcpy(s->reason, reason.p, s->reason_length);
	if (s->gone) {
		session_free(s);
		return;
	}
	err e = s->answer.first == NULL ? push_end(s) : FAIL(BUSY);
	if (e.code != ERR_BUSY) {
		session_free(s); /* the end has been sent, or nobody is there to read it */
		return;
	}
	be_patient(s);
	wait_for_room(s);
}

void admin_done(struct admin *a) { finish(session_of(a), true, S("")); }

void admin_refuse(struct admin *a, const char *format, ...)
{
	char room[REASON_MAX];
	va_list list;
	va_start(list, format);
	int n = vsnprintf(room, sizeof room, format, list);
	va_end(list);
	str reason = str_from(room, n < 0 ? 0 : (size_t)n < sizeof room ? (size_t)n : sizeof room - 1);
	for (size_t i = 0; i < reason.n; i++)
		if ((unsigned char)room[i] < ' ')
			room[i] = '?';
	LOG(&a->log, command_refused, F_TEXT("verb", a->verb), F_TEXT("caller", a->caller),
		F_QUOTING("reason", reason));
	finish(session_of(a), false, reason);
}
