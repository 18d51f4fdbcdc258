/* SPDX-License-Identifier: Apache-2.0 */
/* A server that says anything, to the dialogue as a connection's thread runs it. An input is a byte of circumstances, then
 * what the server says, in pieces that end at a form feed; one piece is read at a time, so replies in one piece come out
 * of turn. Properties: each recipient has one outcome, of a class that fits its status; nothing counts as delivered that was
 * not sent to its end; mail and password stay here where TLS is demanded, since no server of this kind gets that far; what
 * is said is lines. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "fuzz.h"
#include "ipc/role.h"
#include "role/sender/session.h"

enum {
	LMTP = 1 << 0,
	TLS_DEMANDED = 1 << 1,
	LOGIN = 1 << 2,
	EIGHT_BIT = 1 << 3,
	UTF8 = 1 << 4,
	TWO = 1 << 5,
	REQUIRETLS = 1 << 6,
	NO_TLS = 1 << 7,
};
enum { PIECES_MAX = 200, SAID_MAX = 1 << 18, BUDGET = 1 << 20 };

static struct fuzz {
	struct service service;
	struct conf conf;
	struct sender *sender;
	struct frame in, out;
	char said[SAID_MAX];
	size_t said_n;
} fuzz;

static const char secret[] = "AHdlAHBhc3M="; /* NUL we NUL pass */
static const char plain[] = "Subject: x\r\n\r\n.hello\r\nend";
static const char eight_bit[] = "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
				"Content-Transfer-Encoding: 8bit\r\n\r\nd\xc3\xb6ner\r\n.\r\n";

void service_finish(struct service *s) { (void)s; }
static void sink(void *to, enum log_event event, const struct log_field *fields)
{
	(void)to;
	(void)event;
	(void)fields;
}

static void must(bool good)
{
	if (!good)
		abort();
}

static void start(void)
{
	struct service *s = &fuzz.service;
	*s = (struct service){ .home = -1, .conf = &fuzz.conf, .in = &fuzz.in, .out = &fuzz.out };
	s->arena = arena_new("fuzz", 16 << 20);
	s->log = (struct log){ .sink = sink };
	must(!failed(conf_init(&fuzz.conf, s->arena)) && !failed(loop_new(&s->loop)));
	fuzz.conf.server.hostname = S("us.test");
	fuzz.conf.sender.linger = 0;
	sender_prepare(s);
	fuzz.sender = s->state;
	fuzz.sender->helo = S("us.test");
}

/* ---- the server ---- */

/* A packet is what one read finds; behind the last one the server hangs up. */
static void say(int end, str text)
{
	str piece;
	for (unsigned i = 0; i < PIECES_MAX && str_word(&text, '\f', &piece); i++)
		if (piece.n > 0 && send(end, piece.p, piece.n, MSG_NOSIGNAL) < 0)
			break;
	shutdown(end, SHUT_WR);
}

/* A session that hung up on what still came leaves that failure in front of what it said. */
static void hear(int end)
{
	ssize_t got;
	fuzz.said_n = 0;
	do {
		got = recv(end, fuzz.said + fuzz.said_n, SAID_MAX - fuzz.said_n, 0);
		fuzz.said_n += got > 0 ? (size_t)got : 0;
	} while (got > 0 || (got < 0 && errno == ECONNRESET));
}

/* ---- the mail ---- */

static struct job *job_for(struct arena *a, unsigned with, struct destination *d)
{
	static const str addresses[] = { S("a@remote.test"), S("b@remote.test") };
	const char *text = (with & EIGHT_BIT) != 0 ? eight_bit : plain;
	struct job *j = NEW(a, struct job, 1);
	*j = (struct job){ .sender = fuzz.sender,
		.arena = a,
		.destination = d->name,
		.from = S("me@us.test"),
		.envid = S("id"),
		.bytes = str_of(text),
		.size = strlen(text),
		.body = (with & EIGHT_BIT) != 0 ? SMTP_BODY_8BITMIME : SMTP_BODY_7BIT,
		.utf8 = (with & UTF8) != 0,
		.requires_tls = (with & REQUIRETLS) != 0,
		.file = -1,
		.at = d,
		.count = (with & TWO) != 0 ? 2 : 1 };
	j->targets = NEW(a, struct target, 2);
	for (unsigned i = 0; i < 2; i++)
		j->targets[i] =
			(struct target){ .recipient = i, .notify = SMTP_NOTIFY_FAILURE, .address = addresses[i] };
	d->first = d->last = j;
	d->waiting = 1;
	return j;
}

static struct destination *destination_for(struct arena *a, unsigned with)
{
	struct destination *d = NEW(a, struct destination, 1);
	struct route *r = NEW(a, struct route, 1);
	struct host *h = NEW(a, struct host, 1);
	const bool login = (with & LOGIN) != 0;
	*r = (struct route){ .name = S("remote.test"),
		.lmtp = (with & LMTP) != 0,
		.tls = (with & TLS_DEMANDED) != 0 ? SECURITY_ENCRYPT
		       : (with & NO_TLS) != 0     ? SECURITY_NONE
						  : SECURITY_MAY,
		.login = login ? S("we") : S(""),
		.password = login ? S("pass") : S("") };
	*h = (struct host){ .name = S("mx.remote.test"), .state = HOST_USABLE, .mx_secure = true };
	*d = (struct destination){ .sender = fuzz.sender,
		.arena = a,
		.name = S("remote.test"),
		.wish = (with & REQUIRETLS) != 0 ? WISH_REQUIRE : WISH_NOTHING,
		.route = r,
		.hosts = h,
		.hosts_count = 1 };
	return d;
}

/* ---- the properties ---- */

static bool was_said(const char *text)
{
	return str_find_str(str_from(fuzz.said, fuzz.said_n), str_of(text)) != STR_NONE;
}

static void check_lines(void)
{
	for (size_t i = 0; i < fuzz.said_n; i++)
		if (fuzz.said[i] == '\n')
			must(i > 0 && fuzz.said[i - 1] == '\r');
}

static void check_target(const struct target *t, const struct connection *c, bool demanded)
{
	const struct outcome *o = &t->outcome;
	const char class[] = { [OUTCOME_DELIVERED] = '2', [OUTCOME_DEFERRED] = '4', [OUTCOME_FAILED] = '5' };
	must(t->answered && c->worked && !demanded);
	must(o->status.n >= 5 && o->status.p[0] == class[o->kind]);
	must(o->status.n <= STATUS_MAX && o->text.n <= TEXT_MAX && o->cause < CAUSES);
	must((o->cause == CAUSE_none) == (o->kind == OUTCOME_DELIVERED));
	must(o->kind != OUTCOME_DELIVERED || was_said("\r\n.\r\n") || was_said(" LAST\r\n"));
}

static void check(const struct connection *c, const struct job *j, unsigned with)
{
	const bool demanded = (with & (TLS_DEMANDED | REQUIRETLS)) != 0;
	const bool done = fuzz.sender->done == j, back = c->destination->first == j;
	must(done != back); /* it has ended, or waits for another connection */
	for (size_t i = 0; i < j->count && done; i++)
		check_target(&j->targets[i], c, demanded);
	must(c->worked || c->failure.cause != CAUSE_none);
	must(!demanded || !was_said("MAIL FROM:"));
	must(!was_said(secret) || (with & NO_TLS) != 0);
	if (!was_said("STARTTLS\r\n")) /* behind it comes a client's half of a handshake */
		check_lines();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	int ends[2];
	if (fuzz.sender == NULL)
		start();
	if (n < 1 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
		return 0;
	struct arena *a = arena_new("job", BUDGET);
	struct destination *d = destination_for(a, p[0]);
	struct job *j = job_for(a, p[0], d);
	struct connection *c = NEW(a, struct connection, 1);
	*c = (struct connection){ .arena = a, .sender = fuzz.sender, .destination = d, .fd = ends[0] };
	fuzz.sender->done = NULL;
	say(ends[1], str_from((const char *)p + 1, n - 1));
	session_run(c);
	hear(ends[1]);
	close(ends[1]);
	check(c, j, p[0]);
	arena_free(&a);
	return 0;
}
