/* SPDX-License-Identifier: Apache-2.0 */
#include "role/greeter/session.h"

#include "base/address.h"
#include "os/fd.h"
#include "os/peer.h"
#include "proto/imap/id.h"

enum { OUTPUT_ROOM = 4096, SESSION_BUDGET = 96 << 10, GOODBYE_MS = 2000 };

void session_capabilities(const struct session *s, struct buf *to)
{
	buf_add(to, S("IMAP4rev1 LITERAL+ SASL-IR ID ENABLE"));
	if (!s->visitor->encrypted)
		buf_add(to, S(" STARTTLS"));
	buf_add(to, s->visitor->encrypted || s->plain_allowed ? S(" AUTH=PLAIN AUTH=LOGIN") : S(" LOGINDISABLED"));
}

void answer(struct session *s, str tag, const char *status, const char *text)
{
	io_putf(s->io, "%.*s %s %s\r\n", ARG(tag), status, text);
}

void answer_bad(struct session *s, str tag, const char *text)
{
	answer(s, tag.n > 0 ? tag : S("*"), "BAD", text);
	s->errors++;
}

static void command_capability(struct session *s, const struct imap_command *c)
{
	char room[256];
	struct buf list = BUF_ON(room);
	session_capabilities(s, &list);
	io_putf(s->io, "* CAPABILITY %.*s\r\n", ARG(buf_str(&list)));
	answer(s, c->tag, "OK", "done");
}

static void command_noop(struct session *s, const struct imap_command *c) { answer(s, c->tag, "OK", "done"); }

static void command_logout(struct session *s, const struct imap_command *c)
{
	io_put(s->io, S("* BYE see you\r\n"));
	answer(s, c->tag, "OK", "done");
	s->ended = true;
}

static void command_id(struct session *s, const struct imap_command *c)
{
	struct cur cur = cur_of(c->args);
	struct imap_id id;
	if (failed(imap_id_parse(&cur, s->command_arena, &id))) {
		answer_bad(s, c->tag, "ID takes NIL or a list of names and values");
		return;
	}
	io_put(s->io, S("* ID (\"name\" \"Siegel\")\r\n"));
	answer(s, c->tag, "OK", "done");
}

/* The commands of this state; the rows of proto/imap/command.def say their grammar and RFC. */
static const struct {
	enum imap_command_id id;
	void (*run)(struct session *s, const struct imap_command *c);
} commands[] = {
	{ IMAP_CAPABILITY, command_capability },
	{ IMAP_NOOP, command_noop },
	{ IMAP_LOGOUT, command_logout },
	{ IMAP_ID, command_id },
	{ IMAP_STARTTLS, command_starttls },
	{ IMAP_LOGIN, command_login },
	{ IMAP_AUTHENTICATE, command_authenticate },
};

static void run_command(struct session *s, str text)
{
	struct imap_command c;
	if (failed(imap_command_parse(text, &c))) {
		answer_bad(s, NO_STR, "a command is a tag, a name and its arguments");
		return;
	}
	c.tag = arena_copy(s->command_arena, c.tag); /* it stands in the input, of which a command may read more */
	const struct imap_command_row *row = &imap_commands[c.id];
	if (c.id == IMAP_UNKNOWN)
		answer_bad(s, c.tag, "no such command");
	else if ((row->states & IMAP_FRESH) == 0)
		answer_bad(s, c.tag, "log in first");
	else if (row->args == IMAP_ARGS_NONE && c.args.n > 0)
		answer_bad(s, c.tag, "that command takes nothing");
	else
		for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
			if (commands[i].id == c.id)
				commands[i].run(s, &c);
}

static err read_literal(struct session *s, const struct imap_frame_step *step)
{
	size_t got = 0;
	if (step->literal.is_waiting)
		io_put(s->io, S("+ go ahead\r\n"));
	while (got < step->literal.size) {
		str bytes;
		TRY(io_bytes_some(s->io, step->literal.size - got, &bytes));
		if (step->into != NULL)
			memcpy(step->into + got, bytes.p, bytes.n);
		got += bytes.n;
	}
	return OK;
}

/* One command with its literals, answered. */
static err serve_command(struct session *s)
{
	struct imap_frame frame = {
		.arena = s->command_arena, .command_max = IMAP_COMMAND_MAX_FRESH, .unasked_max = IMAP_UNASKED_MAX
	};
	for (;;) {
		struct imap_frame_step step;
		str line;
		TRY(io_line(s->io, &line));
		TRY(imap_frame_line(&frame, line, &step));
		switch (step.kind) {
		case IMAP_FRAME_LITERAL:
			TRY(read_literal(s, &step));
			break;
		case IMAP_FRAME_SKIP:
			if (step.literal.size > IMAP_COMMAND_MAX_FRESH)
				return FAIL(LIMIT);
			step.into = NULL;
			TRY(read_literal(s, &step));
			break;
		case IMAP_FRAME_COMMAND:
			run_command(s, step.text);
			arena_reset(s->command_arena);
			return OK;
		case IMAP_FRAME_APPEND:
		case IMAP_FRAME_REFUSED:
		default:
			return FAIL(LIMIT);
		}
	}
}

/* The last words to a client whose session cannot go on; also said to those who send something else than IMAP. */
static void say_goodbye(struct session *s, err e)
{
	static const char *const words[ERR_CODES] = {
		[ERR_TIMEOUT] = "it took too long to log in",
		[ERR_SYNTAX] = "lines end in CR LF, and neither stands alone",
		[ERR_LIMIT] = "that is too much before a login",
		[ERR_MEMORY] = "that is too much before a login",
	};
	if (words[e.code] == NULL)
		return;
	io_putf(s->io, "* BYE %s\r\n", words[e.code]);
	LOG(&s->log, protocol_refused, F_ADDRESS("client", str_from(s->client, s->client_length)), F_ERR(e));
}

static void serve(struct session *s)
{
	char room[256];
	struct buf list = BUF_ON(room);
	session_capabilities(s, &list);
	if (!s->visitor->greeted)
		io_putf(s->io, "* OK [CAPABILITY %.*s] Siegel is ready\r\n", ARG(buf_str(&list)));
	while (!s->ended && s->errors < ERRORS_MAX) {
		err e = serve_command(s);
		if (failed(e)) {
			say_goodbye(s, e);
			return;
		}
	}
	if (s->errors >= ERRORS_MAX)
		io_put(s->io, S("* BYE too many mistakes\r\n"));
}

/* Who it is, for the log; and whether from this very machine. What counts is what the kernel says. */
static void note_client(struct session *s)
{
	struct address a = { { 0 } };
	unsigned port = 0;
	if (failed(peer_of_socket(s->visitor->socket >= 0 ? s->visitor->socket : s->visitor->stream, &a, &port)))
		return;
	struct address v6_loopback;
	s->plain_allowed = (address_is_v4(&a) && a.bytes[12] == 127) ||
			   (!failed(address_parse(S("::1"), &v6_loopback)) && address_eq(&a, &v6_loopback));
	struct buf text = BUF_ON(s->client);
	address_write(&text, &a);
	buf_byte(&text, ' ');
	buf_number(&text, port);
	s->client_length = text.n;
}

void greet(void *to)
{
	struct visitor *v = to;
	struct greeter *g = v->greeter;
	struct arena *arena = arena_new("imap greeting", SESSION_BUDGET);
	struct session *s = NEW(arena, struct session, 1);
	*s = (struct session){
		.greeter = g, .visitor = v, .arena = arena, .desk = desk_take(), .directory.fd = -1, .directory_end = -1
	};
	s->log = g->service->log;
	s->log.session = str_of(v->session);
	s->command_arena = arena_new("imap command", IMAP_ARENA_MAX_FRESH);
	note_client(s);
	s->io = io_new(v->stream, IMAP_LINE_MAX_FRESH, OUTPUT_ROOM);
	io_ceiling(s->io, (int64_t)g->service->conf->imap.greeting_timeout * 1000);
	serve(s);
	if (s->io != NULL)
		io_finish(&s->io, GOODBYE_MS);
	fd_close(&v->socket);
	close_directory(s);
	desk_give(&s->desk);
	arena_free(&s->command_arena);
	arena_free(&arena);
	visitor_free(v);
}
