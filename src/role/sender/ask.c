/* SPDX-License-Identifier: Apache-2.0 */
/* Would the server take a message for this recipient? MAIL, RCPT, and RSET in place of the message. */
#include <stdio.h>

#include "os/clock.h"
#include "role/sender/session.h"

struct asking {
	struct session *s;
	struct job *job;
	const char *when;
};

static void answer(struct asking *a, enum callout_answer answer, unsigned code, const char *status, str text)
{
	struct callout *c = a->job->callout;
	c->answered = true;
	c->answer = answer;
	c->code = code;
	c->status = arena_copy(a->job->arena, str_of(status));
	c->text = arena_copy(a->job->arena, str_slice(text, 0, TEXT_MAX));
}

static void answer_reply(struct asking *a, enum stage stage)
{
	struct failure f;
	const enum callout_answer what = callout_judge(&a->s->reply, stage);
	failure_of_reply(&f, a->s, stage);
	if (what == CALLOUT_TAKEN)
		answer(a, what, (unsigned)a->s->reply.code, "2.1.5", S(""));
	else
		answer(a, what, f.code, f.status, str_of(f.text));
}

static err hear(struct asking *a, const char *when)
{
	a->when = when;
	TRY(reply_read(a->s, a->s->conf->command_timeout));
	a->job->spoken = true;
	return OK;
}

/* What was said before it was asked for would be taken for the answer to what comes now. */
static err is_silent(const struct asking *a) { return io_waiting(a->s->io) == 0 ? OK : FAIL(SYNTAX); }

static void say_mail(const struct asking *a)
{
	char room[LINE_ROOM];
	struct buf b = BUF_ON(room);
	const struct job *j = a->job;
	buf_addf(&b, "MAIL FROM:<%.*s>", ARG(j->from));
	if (offers(a->s, SMTP_EXTENSION_SIZE) && j->size > 0)
		buf_addf(&b, " SIZE=%llu", (unsigned long long)j->size);
	if (j->utf8)
		buf_add(&b, S(" SMTPUTF8"));
	line_put(a->s, "%.*s", ARG(buf_str(&b)));
}

static void say_rcpt(const struct asking *a) { line_put(a->s, "RCPT TO:<%.*s>", ARG(a->job->targets[0].address)); }

static bool is_taken(const struct session *s) { return s->reply.code / 100 == 2; }

/* Whoever does not begin anew gets no other question on this connection. */
static err hear_reset(struct asking *a)
{
	TRY(hear(a, "at RSET"));
	a->s->over = a->s->over || a->s->reply.code != 250;
	return OK;
}

/* RFC 2920 3.1: RSET may end a group. The replies come in order; after a refused MAIL that to RCPT says nothing new. */
static err ask_together(struct asking *a)
{
	struct session *s = a->s;
	TRY(is_silent(a));
	say_mail(a);
	say_rcpt(a);
	line_put(s, "RSET");
	TRY(hear(a, "at MAIL"));
	const bool mail_taken = is_taken(s);
	if (!mail_taken)
		answer_reply(a, AT_MAIL);
	if (s->over)
		return OK;
	TRY(hear(a, "at RCPT"));
	if (mail_taken)
		answer_reply(a, AT_RCPT);
	return s->over ? OK : hear_reset(a);
}

static err ask_in_turn(struct asking *a)
{
	struct session *s = a->s;
	TRY(is_silent(a));
	say_mail(a);
	TRY(hear(a, "at MAIL"));
	if (!is_taken(s)) {
		answer_reply(a, AT_MAIL);
		return OK;
	}
	TRY(is_silent(a));
	say_rcpt(a);
	TRY(hear(a, "at RCPT"));
	answer_reply(a, AT_RCPT);
	if (s->over)
		return OK;
	TRY(is_silent(a));
	line_put(s, "RSET");
	return hear_reset(a);
}

/* What can be said without a word of the server. */
static bool is_decided(struct asking *a)
{
	const struct session *s = a->s;
	const struct job *j = a->job;
	if (clock_ms() >= j->callout->deadline)
		answer(a, CALLOUT_AWAY, 0, "4.4.1", S("other questions to it take too long"));
	else if (j->utf8 && !offers(s, SMTP_EXTENSION_SMTPUTF8)) /* RFC 6531 3.5 */
		answer(a, CALLOUT_REFUSED, 550, "5.6.7", S("addresses or headers beyond ASCII are not taken"));
	else if (s->offer.size_max > 0 && j->size > s->offer.size_max) /* RFC 1870 6.1 */
		answer(a, CALLOUT_SIZE, 552, "5.3.4", S("the message is larger than the server takes"));
	else
		return false;
	return true;
}

bool callout_run(struct session *s, struct job *j)
{
	struct asking a = { .s = s, .job = j };
	struct failure f;
	snprintf(j->host, sizeof j->host, "%.*s", ARG(s->host->name));
	j->spoken = false;
	j->callout->size_max = s->offer.size_max;
	if (is_decided(&a))
		return true;
	io_ceiling(s->io, (int64_t)s->conf->command_timeout * 1000);
	err e = offers(s, SMTP_EXTENSION_PIPELINING) ? ask_together(&a) : ask_in_turn(&a);
	if (!j->spoken && s->waited && (e.code == ERR_CLOSED || e.code == ERR_SYSTEM)) {
		s->over = true;
		return false;
	}
	/* Nor whoever goes on talking. */
	s->over = s->over || failed(e) || io_waiting(s->io) > 0;
	if (failed(e) && !j->callout->answered) {
		failure_of_error(&f, s, e, a.when);
		answer(&a, CALLOUT_AWAY, 0, f.status, str_of(f.text));
	}
	return true;
}
