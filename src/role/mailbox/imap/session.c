/* SPDX-License-Identifier: Apache-2.0 */
#include "role/mailbox/imap/session.h"

#include <sys/eventfd.h>
#include <sys/socket.h>

#include "os/fd.h"
#include "proto/imap/append.h"
#include "proto/imap/frame.h"

enum {
	OUTPUT_ROOM = 32 << 10,
	SESSION_BUDGET = 16 << 10,
	WRITE_MS = 120000, /* for a client to take what the output buffer holds */
	GOODBYE_MS = 2000,
	ERRORS_MAX = 100,
	SKIP_MAX = 1 << 20, /* bytes of a refused command that are read and forgotten */
};

enum trait {
	HOLDS_EXPUNGE = 1 << 0, /* message numbers must not change during it (RFC 3501 7.4.1) */
	IS_SILENT = 1 << 1,     /* what has changed is told after the next command */
};

/* Which function runs a command; its grammar, states and RFC stand in proto/imap/command.def. */
static const struct {
	imap_run *run;
	unsigned traits; /* they do not hold for the variant with UID */
} commands[IMAP_COMMANDS] = {
	[IMAP_CAPABILITY] = { command_capability, 0 },
	[IMAP_NOOP] = { command_noop, 0 },
	[IMAP_LOGOUT] = { command_logout, IS_SILENT },
	[IMAP_ID] = { command_id, 0 },
	[IMAP_ENABLE] = { command_enable, 0 },
	[IMAP_SELECT] = { command_select, IS_SILENT },
	[IMAP_EXAMINE] = { command_select, IS_SILENT },
	[IMAP_CREATE] = { command_create, 0 },
	[IMAP_DELETE] = { command_delete, 0 },
	[IMAP_RENAME] = { command_rename, 0 },
	[IMAP_SUBSCRIBE] = { command_subscribe, 0 },
	[IMAP_UNSUBSCRIBE] = { command_subscribe, 0 },
	[IMAP_LIST] = { command_list, 0 },
	[IMAP_LSUB] = { command_list, 0 },
	[IMAP_STATUS] = { command_status, 0 },
	[IMAP_NAMESPACE] = { command_namespace, 0 },
	[IMAP_IDLE] = { command_idle, 0 },
	[IMAP_CHECK] = { command_check, 0 },
	[IMAP_CLOSE] = { command_close, IS_SILENT },
	[IMAP_UNSELECT] = { command_unselect, IS_SILENT },
	[IMAP_EXPUNGE] = { command_expunge, 0 },
	[IMAP_SEARCH] = { command_search, HOLDS_EXPUNGE },
	[IMAP_FETCH] = { command_fetch, HOLDS_EXPUNGE },
	[IMAP_STORE] = { command_store, HOLDS_EXPUNGE },
	[IMAP_COPY] = { command_copy, 0 },
	[IMAP_MOVE] = { command_copy, 0 },
};

void session_capabilities(struct buf *b)
{
	buf_add(b, S("IMAP4rev1 LITERAL+ ENABLE ID IDLE NAMESPACE CHILDREN UIDPLUS MOVE UNSELECT SPECIAL-USE "
		     "CREATE-SPECIAL-USE"));
}

void session_patience(struct imap_session *s) { io_deadline(s->io, WRITE_MS); }

struct reply reply_text(const struct buf *b)
{
	return b->lost ? (struct reply){ "NO", S("[LIMIT] the answer is too long") }
		       : (struct reply){ "OK", buf_str(b) };
}

struct reply reply_failed(struct imap_session *s, err e)
{
	switch ((int)e.code) {
	case ERR_ABSENT:
		return REPLY_NO("[NONEXISTENT] there is no such mailbox");
	case ERR_EXISTS:
		return REPLY_NO("[ALREADYEXISTS] there is such a mailbox already");
	case ERR_LIMIT:
		return REPLY_NO("[LIMIT] that is more than this server allows");
	case ERR_MEMORY:
		return REPLY_NO("[LIMIT] that takes more memory than a session may have");
	case ERR_SYNTAX:
		return REPLY_NO("[CANNOT] that cannot be the name of a mailbox");
	case ERR_DENIED:
		return REPLY_NO("[CANNOT] that cannot be done with this mailbox");
	case ERR_DISK_FULL:
		LOG(&s->log, disk_full, F_TEXT("account", s->mailbox->service->instance));
		return REPLY_NO("[UNAVAILABLE] the disk is full");
	case ERR_DAMAGED:
		mailbox_store_failed(s->mailbox, e);
		return REPLY_NO("[CORRUPTION] the mailbox is damaged; the administrator is told");
	default:
		mailbox_store_failed(s->mailbox, e);
		return REPLY_NO("[UNAVAILABLE] the mailbox does not work at the moment");
	}
}

/* Where it was missing: what stands there, as far as it is text. */
static void write_place(struct buf *b, str rest)
{
	enum { SHOWN_MAX = 30 };
	if (rest.n == 0) {
		buf_add(b, S("at the end"));
		return;
	}
	buf_add(b, S("at \""));
	for (size_t i = 0; i < rest.n && i < SHOWN_MAX; i++)
		buf_byte(b, rest.p[i] >= ' ' && rest.p[i] <= '~' && rest.p[i] != '"' ? rest.p[i] : '?');
	buf_byte(b, '"');
}

struct reply reply_bad(struct imap_session *s, err e, const struct cur *c)
{
	if (e.code == ERR_MEMORY)
		return REPLY_NO("[LIMIT] that command takes too much memory");
	struct buf b = buf_in(s->command, 200);
	buf_addf(&b, "expected %s ", c->expected != NULL ? c->expected : "other arguments");
	write_place(&b, cur_rest(c));
	return b.lost ? REPLY_BAD("the arguments are not understood") : (struct reply){ "BAD", buf_str(&b) };
}

struct reply reply_synced(struct imap_session *s, struct reply r)
{
	err e = account_sync(s->account);
	return failed(e) ? reply_failed(s, e) : r;
}

static void answer(struct imap_session *s, str tag, struct reply r)
{
	io_putf(s->io, "%.*s %s ", ARG(tag), r.status);
	io_put(s->io, r.text); /* which may be long: COPYUID */
	io_put(s->io, S("\r\n"));
	if (str_eq(str_of(r.status), S("BAD")))
		s->errors++;
}

static void tell_changes(struct imap_session *s, const struct imap_command *c)
{
	unsigned traits = commands[c->id].traits;
	if (s->view.folder == NULL || (traits & IS_SILENT) != 0)
		return;
	session_patience(s);
	err e = view_tell(s, c->uid || (traits & HOLDS_EXPUNGE) == 0);
	if (failed(e)) {
		io_put(s->io, S("* BYE this mailbox is too large\r\n"));
		s->has_ended = true;
	}
}

/* Every check that is the same for all commands stands here, once. */
static void run_command(struct imap_session *s, str text)
{
	struct imap_command c;
	if (failed(imap_command_parse(text, &c))) {
		answer(s, S("*"), REPLY_BAD("a command is a tag, a name and its arguments"));
		return;
	}
	c.tag = arena_copy(s->command, c.tag); /* IDLE reads on, over the line that we look at */
	const struct imap_command_row *row = &imap_commands[c.id];
	unsigned state = s->view.folder != NULL ? IMAP_SELECTED : IMAP_AUTH;
	if (c.id == IMAP_UNKNOWN)
		answer(s, c.tag, REPLY_BAD("there is no such command"));
	else if ((row->states & (IMAP_AUTH | IMAP_SELECTED)) == 0 || commands[c.id].run == NULL)
		answer(s, c.tag, REPLY_BAD("you are logged in already"));
	else if ((row->states & state) == 0)
		answer(s, c.tag, REPLY_BAD("select a mailbox first"));
	else if (row->args == IMAP_ARGS_NONE && c.args.n > 0)
		answer(s, c.tag, REPLY_BAD("that command takes nothing"));
	else {
		struct reply r = commands[c.id].run(s, &c);
		tell_changes(s, &c);
		answer(s, c.tag, r);
	}
}

static err read_literal(struct imap_session *s, const struct imap_frame_step *step, char *into)
{
	uint64_t got = 0;
	if (step->literal.is_waiting)
		io_put(s->io, S("+ go ahead\r\n"));
	while (got < step->literal.size) {
		uint64_t left = step->literal.size - got;
		str bytes;
		session_patience(s);
		TRY(io_bytes_some(s->io, left < IMAP_COMMAND_MAX ? (size_t)left : IMAP_COMMAND_MAX, &bytes));
		if (into != NULL)
			memcpy(into + got, bytes.p, bytes.n);
		got += bytes.n;
	}
	return OK;
}

/* APPEND answers at once; what is left of one that was refused is read past. */
static err run_append(struct imap_session *s, struct imap_frame *frame, struct imap_frame_step *step, bool *is_done)
{
	struct imap_command c;
	struct reply r;
	bool was_read = false;
	step->text = arena_copy(s->command, step->text); /* the message is read over the line that we look at */
	err e = imap_command_parse(step->text, &c);
	TRY(session_append(s, step, &r, &was_read));
	if (s->view.folder != NULL)
		IGNORE(view_tell(s, true)); /* a view that cannot grow shows it after the next command */
	answer(s, failed(e) ? S("*") : c.tag, r);
	*is_done = was_read || step->literal.is_waiting;
	if (*is_done)
		return OK;
	imap_frame_refuse(frame);
	return step->literal.size > s->mailbox->service->conf->mailbox.append_max ? FAIL(LIMIT)
										  : read_literal(s, step, NULL);
}

/* One command with its literals, answered. */
static err serve_command(struct imap_session *s)
{
	struct imap_frame frame = { .arena = s->command,
		.command_max = IMAP_COMMAND_MAX,
		.unasked_max = IMAP_COMMAND_MAX,
		.is_streamed = imap_append_is_ready };
	for (bool is_done = false; !is_done;) {
		struct imap_frame_step step;
		str line;
		io_deadline(s->io, (int64_t)s->mailbox->service->conf->imap.idle_timeout * 1000);
		TRY(io_line(s->io, &line));
		TRY(imap_frame_line(&frame, line, &step));
		session_patience(s);
		switch (step.kind) {
		case IMAP_FRAME_LITERAL:
			TRY(read_literal(s, &step, step.into));
			break;
		case IMAP_FRAME_SKIP:
			if (step.literal.size > SKIP_MAX)
				return FAIL(LIMIT);
			TRY(read_literal(s, &step, NULL));
			break;
		case IMAP_FRAME_COMMAND:
			run_command(s, step.text);
			is_done = true;
			break;
		case IMAP_FRAME_APPEND:
			TRY(run_append(s, &frame, &step, &is_done));
			break;
		case IMAP_FRAME_REFUSED:
		default: {
			struct imap_command c;
			if (step.text.n > 0)
				answer(s, failed(imap_command_parse(step.text, &c)) ? S("*") : c.tag,
					REPLY_NO("[TOOBIG] that command is too large"));
			is_done = true;
		}
		}
	}
	arena_reset(s->command);
	return OK;
}

/* The last words to a client whose session cannot go on. */
static void say_goodbye(struct imap_session *s, err e)
{
	static const char *const words[ERR_CODES] = {
		[ERR_TIMEOUT] = "you have been silent for too long",
		[ERR_SYNTAX] = "lines end in CR LF, and neither stands alone",
		[ERR_LIMIT] = "that is too much for one command",
		[ERR_MEMORY] = "that is too much for one command",
	};
	session_patience(s);
	if (atomic_load(&s->mailbox->is_ending))
		io_put(s->io, S("* BYE [UNAVAILABLE] the server is going down\r\n"));
	else if (e.code == ERR_CLOSED)
		io_put(s->io, S("* BYE this session has been ended\r\n"));
	else if (words[e.code] != NULL)
		io_putf(s->io, "* BYE %s\r\n", words[e.code]);
	if (e.code == ERR_SYNTAX || e.code == ERR_LIMIT)
		LOG(&s->log, protocol_refused, F_ADDRESS("client", s->seat->client), F_ERR(e));
}

static void greet(struct imap_session *s)
{
	char room[300];
	struct buf b = BUF_ON(room);
	buf_add(&b, S("[CAPABILITY "));
	session_capabilities(&b);
	buf_add(&b, S("] Logged in"));
	answer(s, s->seat->tag, (struct reply){ "OK", buf_str(&b) });
}

static void serve(struct imap_session *s)
{
	err e = io_preload(s->io, s->seat->unread);
	session_patience(s);
	greet(s);
	while (!failed(e) && !s->has_ended && s->errors < ERRORS_MAX)
		e = serve_command(s);
	if (failed(e))
		say_goodbye(s, e);
	else if (!s->has_ended)
		io_put(s->io, S("* BYE too many mistakes\r\n"));
}

void imap_serve(struct session_seat *seat)
{
	static _Atomic uint32_t number;
	struct arena *arena = arena_new("imap session", SESSION_BUDGET);
	struct imap_session *s = NEW(arena, struct imap_session, 1);
	*s = (struct imap_session){
		.seat = seat,
		.mailbox = seat->mailbox,
		.account = seat->mailbox->account,
		.arena = arena,
		.command = arena_new("imap command", IMAP_ARENA_MAX),
		.log = seat->mailbox->service->log,
		.number = atomic_fetch_add(&number, 1) + 1,
		.view.watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
	};
	s->log.session = seat->id;
	s->io = io_new(seat->stream, IMAP_LINE_MAX, OUTPUT_ROOM);
	serve(s);
	view_close(&s->view);
	mailbox_release_stream(seat);
	io_finish(&s->io, atomic_load(&s->mailbox->is_ending) ? 0 : GOODBYE_MS);
	fd_close(&s->view.watch.fd);
	LOG(&s->log, connection_closed, F_TEXT("account", s->mailbox->service->instance));
	arena_free(&s->command);
	arena_free(&arena);
}
