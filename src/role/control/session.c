/* SPDX-License-Identifier: Apache-2.0 */
/* One command: taken from the caller, looked up, carried to its role; then the role's lines are carried back until its end.
 * A caller who reads slowly holds up his own command only: the frame that he has no room for waits here, and nothing more is
 * taken from the role. */
#include "role/control/control.h"

#include "base/buf.h"
#include "os/fd.h"

#include <sys/socket.h>

#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"

enum { SESSION_BUDGET = 256 << 10, AUDIT_MAX = 1000, CALLER_MAX = 32, VERB_MAX = 64, FILES = 2 };

struct session {
	struct control *control;
	struct channel caller, role;
	struct loop_watch caller_watch, role_watch;
	struct hear_counts caller_heard, role_heard;
	struct frame *held; /* what goes to the caller, in a frame of the session's own */
	struct ucred who;
	char name[CALLER_MAX], verb[VERB_MAX], words[AUDIT_MAX];
	struct buf audit;
	size_t verb_length;
	int files[FILES];       /* that came before the command, for the role */
	bool commanded, ending; /* the command was taken; the end was written to held */
	struct arena *arena;
};

static bool is_owner(const struct control *c, uid_t user) { return user == 0 || user == c->owner; }

static str verb_of(const struct session *s) { return str_from(s->verb, s->verb_length); }

static void session_free(struct session *s)
{
	struct loop *loop = s->control->service->loop;
	loop_remove(loop, &s->caller_watch);
	loop_remove(loop, &s->role_watch);
	channel_close(&s->caller);
	channel_close(&s->role);
	for (size_t i = 0; i < FILES; i++)
		fd_close(&s->files[i]);
	s->control->sessions--;
	s->control->strangers -= !is_owner(s->control, s->who.uid);
	struct arena *a = s->arena;
	arena_free(&a);
}

/* What stands in held goes to the caller, now or when there is room. ERR_CLOSED: the session is over. */
static err pass_on(struct session *s)
{
	struct loop *loop = s->control->service->loop;
	err e = channel_send(&s->caller);
	if (e.code == ERR_BUSY) {
		TRY(loop_change(loop, &s->caller_watch, EPOLLOUT));
		return s->role.fd >= 0 ? loop_change(loop, &s->role_watch, 0) : OK;
	}
	return failed(e) || s->ending ? FAIL(CLOSED) : OK;
}

static err finish(struct session *s, bool done, str reason)
{
	struct msg_end end = { .done = done, .reason = reason };
	s->ending = true;
	if (done)
		LOG(&s->control->service->log, command_done, F_TEXT("verb", verb_of(s)),
			F_TEXT("caller", str_of(s->name)), F_WORDS("words", buf_str(&s->audit)));
	TRY(msg_put_end(s->held, 0, &end));
	return pass_on(s);
}

/* A refusal of our own; that of a role is logged by the role. */
static err refuse(struct session *s, str reason)
{
	LOG(&s->control->service->log, command_refused, F_TEXT("verb", verb_of(s)), F_TEXT("caller", str_of(s->name)),
		F_WORDS("words", buf_str(&s->audit)), F_TEXT("reason", reason));
	return finish(s, false, reason);
}

/* ---- from the role ---- */

static err on_line(struct session *s, const struct msg_line *m, uint32_t tag)
{
	(void)tag;
	TRY(msg_put_line(s->held, 0, m));
	return pass_on(s);
}

static err on_end(struct session *s, const struct msg_end *m, uint32_t tag)
{
	(void)tag;
	return finish(s, m->done, m->reason);
}

#define CONVERSATION "ipc/admin.def"
#define HEAR role_hear
#define HEAR_PEER struct session
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static void on_role(void *to, uint32_t events)
{
	struct session *s = to;
	(void)events;
	err e = channel_receive(&s->role);
	if (e.code == ERR_AGAIN)
		return;
	if (!failed(e)) {
		e = role_hear(s, &s->role_heard, s->role.in);
	} else {
		loop_remove(s->control->service->loop, &s->role_watch);
		channel_close(&s->role);
		e = refuse(s, S("the process that carries this out has ended; try again"));
	}
	if (failed(e))
		session_free(s);
}

/* ---- from the caller ---- */

static void note_words(struct session *s, str records)
{
	struct msg_word word;
	err e = OK;
	while (msg_next_word(&records, s->held, &word, &e)) {
		size_t before = s->audit.n;
		buf_add(&s->audit, before > 0 ? S(" ") : S(""));
		buf_add(&s->audit, word.text);
		if (s->audit.lost)
			s->audit.n = before;
	}
}

static bool may(const struct session *s, const struct verb *v)
{
	return v->who == ANYBODY || is_owner(s->control, s->who.uid);
}

/* They are passed on unread. */
static err carry_files(struct session *s)
{
	for (size_t i = 0; i < FILES && s->files[i] >= 0; i++) {
		const struct msg_file m = { .file = s->files[i] };
		TRY(msg_send_file(&s->role, 0, &m));
		fd_close(&s->files[i]);
	}
	return OK;
}

static err carry(struct session *s, const struct msg_command *m, const char *role)
{
	struct service *service = s->control->service;
	struct msg_command copy = *m;
	int fd;
	err e = link_open(s->control, role, &fd);
	if (failed(e))
		return e;
	copy.caller = str_of(s->name);
	s->role = channel_of(fd, service->in, service->out);
	TRY(carry_files(s));
	TRY(msg_send_command(&s->role, 0, &copy));
	explicit_bzero(service->out->bytes, service->out->n);
	return loop_add(service->loop, &s->role_watch, fd, EPOLLIN, on_role, s);
}

static err on_file(struct session *s, const struct msg_file *m, uint32_t tag)
{
	int fd = m->file;
	(void)tag;
	for (size_t i = 0; i < FILES && !s->commanded; i++)
		if (s->files[i] < 0) {
			s->files[i] = fd;
			return OK;
		}
	fd_close(&fd);
	return FAIL(STATE);
}

static err on_command(struct session *s, const struct msg_command *m, uint32_t tag)
{
	const struct verb *v = verb_find(m->verb);
	(void)tag;
	if (s->commanded)
		return FAIL(STATE);
	s->commanded = true;
	s->verb_length = m->verb.n < VERB_MAX ? m->verb.n : VERB_MAX;
	memcpy(s->verb, m->verb.p, s->verb_length);
	note_words(s, m->words);
	if (v == NULL)
		return refuse(s, S("this server does not know that command"));
	if (!may(s, v))
		return refuse(s, S("only root and the user that the server runs as may do that"));
	err e = carry(s, m, v->role);
	if (!failed(e))
		return OK;
	return refuse(s, e.code == ERR_ABSENT
				 ? S("the process that carries this out does not run; is the server running?")
				 : S("the process that carries this out is busy; try again"));
}

#define CONVERSATION "ipc/admin.def"
#define HEAR caller_hear
#define HEAR_PEER struct session
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err take_from_caller(struct session *s)
{
	struct channel from = s->caller;
	from.in = s->control->service->in;
	err e = channel_receive(&from);
	if (e.code == ERR_AGAIN)
		return OK;
	if (!failed(e))
		e = caller_hear(s, &s->caller_heard, from.in);
	else if (e.code == ERR_UNSUPPORTED) /* our answer, which it cannot read either, tells it why */
		e = refuse(s, S("a command of another version"));
	explicit_bzero(from.in->bytes, from.in->n);
	return e;
}

/* There is room again for what is held; and then for more of the role's lines. */
static err go_on(struct session *s)
{
	struct loop *loop = s->control->service->loop;
	err e = channel_send(&s->caller);
	if (e.code == ERR_BUSY)
		return OK;
	if (failed(e) || s->ending)
		return FAIL(CLOSED);
	TRY(loop_change(loop, &s->caller_watch, EPOLLIN));
	return loop_change(loop, &s->role_watch, EPOLLIN);
}

static void on_caller(void *to, uint32_t events)
{
	struct session *s = to;
	bool gone = (events & (EPOLLHUP | EPOLLERR)) != 0 && (events & EPOLLIN) == 0;
	err e = gone ? FAIL(CLOSED) : (events & EPOLLOUT) != 0 ? go_on(s) : take_from_caller(s);
	if (failed(e))
		session_free(s);
}

void session_begin(struct control *c, int fd)
{
	struct service *service = c->service;
	struct ucred who;
	socklen_t size = sizeof who;
	if (c->sessions == SESSIONS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0 ||
		(!is_owner(c, who.uid) && c->strangers == STRANGERS_MAX)) {
		fd_close(&fd);
		return;
	}
	struct arena *a = arena_new("command", SESSION_BUDGET);
	struct session *s = NEW(a, struct session, 1);
	c->sessions++;
	c->strangers += !is_owner(c, who.uid);
	s->control = c;
	s->arena = a;
	s->who = who;
	s->held = NEW(a, struct frame, 1);
	s->audit = (struct buf){ .p = s->words, .room = sizeof s->words };
	s->caller = channel_of(fd, service->in, s->held);
	s->role.fd = s->role_watch.fd = -1;
	for (size_t i = 0; i < FILES; i++)
		s->files[i] = -1;
	struct buf name = BUF_ON(s->name);
	if (who.uid == 0)
		buf_add(&name, S("root"));
	else
		buf_addf(&name, "uid %u", who.uid);
	if (failed(loop_add(service->loop, &s->caller_watch, fd, EPOLLIN, on_caller, s)))
		session_free(s);
}
