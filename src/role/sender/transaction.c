/* SPDX-License-Identifier: Apache-2.0 */
/* One message: MAIL, RCPT for each target, the body, and what the server says to all that. With PIPELINING (RFC 2920) the
 * commands leave together; the replies are read in their order in any case. */
#include <stdio.h>

#include "role/sender/delivered.h"
#include "role/sender/session.h"

enum { GROUP_MAX = TARGETS_MAX, EAGER_MAX = 64 << 10 };

struct transaction {
	struct session *s;
	struct job *job;
	struct target *targets[GROUP_MAX];
	size_t count; /* of this group */
	bool accepted[GROUP_MAX];
	size_t accepted_count;
	struct content content;
	bool bdat;
	bool eager;     /* the text went out with the envelope */
	bool data_said; /* DATA did */
	const char *when;
};

/* ---- answers ---- */

static void answer(struct transaction *t, struct target *target, const struct failure *f)
{
	const struct outcome o = { .kind = f->final ? OUTCOME_FAILED : OUTCOME_DEFERRED,
		.cause = f->cause,
		.code = f->code,
		.status = str_of(f->status),
		.text = str_of(f->text) };
	job_answer(t->job, target, &o);
}

/* Those of the group that have no answer yet. */
static void answer_group(struct transaction *t, const struct failure *f)
{
	for (size_t i = 0; i < t->count; i++)
		if (!t->targets[i]->answered)
			answer(t, t->targets[i], f);
}

static void answer_reply(struct transaction *t, enum stage stage)
{
	struct failure f;
	failure_of_reply(&f, t->s, stage);
	if (f.code == 421)
		t->s->c->failure = f;
	answer_group(t, &f);
}

static void answer_error(struct transaction *t, err e)
{
	struct failure f;
	failure_of_error(&f, t->s, e, t->when);
	answer_group(t, &f);
}

static void delivered(struct transaction *t, struct target *target)
{
	struct session *s = t->s;
	const struct outcome o = { .kind = OUTCOME_DELIVERED,
		.dsn = offers(s, SMTP_EXTENSION_DSN) && target->notify != 0,
		.final = s->lmtp,
		.code = (unsigned)s->reply.code,
		.status = s->reply.enhanced.n > 0 ? s->reply.enhanced : S("2.0.0"),
		.text = s->reply.text };
	job_answer(t->job, target, &o);
	delivered_note(t->job, target);
}

/* ---- what is said ---- */

/* RFC 3461 4.3, 4.4; RFC 1870 5; RFC 6152 2; RFC 6531 3.4; RFC 8689 2 */
static void say_mail(struct transaction *t)
{
	char room[LINE_ROOM];
	struct session *s = t->s;
	const struct job *j = t->job;
	struct buf b = BUF_ON(room);
	buf_addf(&b, "MAIL FROM:<%.*s>", ARG(j->from));
	if (offers(s, SMTP_EXTENSION_SIZE))
		buf_addf(&b, " SIZE=%llu", (unsigned long long)t->content.size);
	if (offers(s, SMTP_EXTENSION_EIGHT_BIT_MIME) && t->content.eight_bit)
		buf_add(&b, S(" BODY=8BITMIME"));
	if (j->utf8)
		buf_add(&b, S(" SMTPUTF8"));
	if (offers(s, SMTP_EXTENSION_REQUIRETLS) && j->requires_tls && s->tls_version != NULL)
		buf_add(&b, S(" REQUIRETLS"));
	if (offers(s, SMTP_EXTENSION_DSN) && j->ret != SMTP_RETURN_UNSAID)
		buf_add(&b, j->ret == SMTP_RETURN_FULL && !j->requires_tls ? S(" RET=FULL") : S(" RET=HDRS"));
	if (offers(s, SMTP_EXTENSION_DSN) && j->envid.n > 0) {
		buf_add(&b, S(" ENVID="));
		smtp_xtext_encode(&b, j->envid);
	}
	line_put(s, "%.*s", ARG(buf_str(&b)));
}

/* RFC 3461 4.1, 4.2 */
static void add_dsn(struct buf *b, const struct target *target)
{
	static const struct {
		unsigned bit;
		str word;
	} words[] = { { SMTP_NOTIFY_NEVER, { "NEVER", 5 } }, { SMTP_NOTIFY_SUCCESS, { "SUCCESS", 7 } },
		{ SMTP_NOTIFY_FAILURE, { "FAILURE", 7 } }, { SMTP_NOTIFY_DELAY, { "DELAY", 5 } } };
	bool first = true;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if ((target->notify & words[i].bit) == 0)
			continue;
		buf_add(b, first ? S(" NOTIFY=") : S(","));
		buf_add(b, words[i].word);
		first = false;
	}
	str address = target->orcpt, type;
	if (str_cut(&address, ';', &type)) {
		buf_addf(b, " ORCPT=%.*s;", ARG(type));
		smtp_xtext_encode(b, address);
	}
}

static void say_rcpt(struct transaction *t, const struct target *target)
{
	char room[LINE_ROOM];
	struct buf b = BUF_ON(room);
	buf_addf(&b, "RCPT TO:<%.*s>", ARG(target->address));
	if (offers(t->s, SMTP_EXTENSION_DSN))
		add_dsn(&b, target);
	line_put(t->s, "%.*s", ARG(buf_str(&b)));
}

/* ---- what is heard ---- */

static err hear(struct transaction *t, const char *when)
{
	t->when = when;
	TRY(reply_read(t->s, t->s->conf->command_timeout));
	t->job->spoken = true;
	return OK;
}

static err hear_rcpt(struct transaction *t, size_t i)
{
	struct failure f;
	TRY(hear(t, "at RCPT"));
	t->accepted[i] = t->s->reply.code / 100 == 2;
	t->accepted_count += t->accepted[i];
	if (t->accepted[i])
		return OK;
	failure_of_reply(&f, t->s, AT_RCPT);
	if (f.code == 421)
		t->s->c->failure = f;
	answer(t, t->targets[i], &f);
	return OK;
}

/* What comes by BDAT need not be asked for (RFC 3030 4.2): a short text leaves with the envelope, and one reply less is waited
 * for. A server that takes no recipient reads it all the same. LMTP does not say how often it answers to that. */
static bool is_eager(const struct transaction *t) { return t->bdat && !t->s->lmtp && t->content.size <= EAGER_MAX; }

/* The envelope as one group of commands. The replies come in order; after a refused MAIL those to RCPT say nothing new. */
static err envelope_together(struct transaction *t, bool *mail_taken)
{
	say_mail(t);
	for (size_t i = 0; i < t->count; i++)
		say_rcpt(t, t->targets[i]);
	if (!t->bdat)
		line_put(t->s, "DATA");
	t->data_said = !t->bdat;
	t->eager = is_eager(t);
	if (t->eager)
		TRY(content_send(t->s, &t->content, true));
	TRY(hear(t, "at MAIL"));
	*mail_taken = t->s->reply.code / 100 == 2;
	if (!*mail_taken)
		answer_reply(t, AT_MAIL);
	for (size_t i = 0; i < t->count && !(t->s->over && t->s->reply.code == 421); i++) {
		if (*mail_taken)
			TRY(hear_rcpt(t, i));
		else
			TRY(hear(t, "at RCPT"));
	}
	return OK;
}

static err envelope_in_turn(struct transaction *t, bool *mail_taken)
{
	say_mail(t);
	TRY(hear(t, "at MAIL"));
	*mail_taken = t->s->reply.code / 100 == 2;
	if (!*mail_taken)
		answer_reply(t, AT_MAIL);
	for (size_t i = 0; *mail_taken && i < t->count && !t->s->over; i++) {
		if (io_waiting(t->s->io) > 0)
			return FAIL(SYNTAX);
		say_rcpt(t, t->targets[i]);
		TRY(hear_rcpt(t, i));
	}
	return OK;
}

/* RFC 5321 3.3: 354, then the text. A server that said 354 although it took no recipient waits for a text all the same: it
 * gets an empty one (RFC 2920 3.1). */
static err begin_data(struct transaction *t, bool *goes)
{
	struct session *s = t->s;
	*goes = false;
	if (t->bdat) {
		*goes = t->accepted_count > 0;
		return OK;
	}
	if (!t->data_said) {
		if (t->accepted_count == 0)
			return OK;
		line_put(s, "DATA");
	}
	TRY(hear(t, "at DATA"));
	if (s->reply.code == 354 && t->accepted_count > 0) {
		*goes = true;
	} else if (s->reply.code == 354) {
		io_put(s->io, S(".\r\n"));
		TRY(hear(t, "behind an empty message"));
	} else if (t->accepted_count > 0) {
		answer_reply(t, AT_DATA);
		s->over = s->over || s->reply.code < 400;
	}
	return OK;
}

/* RFC 2033 4.2: LMTP answers for each recipient that it had accepted, in their order. */
static err hear_end(struct transaction *t)
{
	struct session *s = t->s;
	struct failure f;
	bool have = false;
	t->when = "behind the message";
	for (size_t i = 0; i < t->count; i++) {
		if (!t->accepted[i])
			continue;
		if (s->lmtp || !have)
			TRY(reply_read(s, s->conf->end_timeout));
		have = true;
		if (s->reply.code / 100 == 2) {
			delivered(t, t->targets[i]);
		} else {
			failure_of_reply(&f, s, AT_END);
			if (f.code == 421)
				s->c->failure = f;
			answer(t, t->targets[i], &f);
			s->over = s->over || s->reply.code < 400;
		}
	}
	return OK;
}

/* After refusals the server is where it was before MAIL, but for one that took MAIL and saw no end of data. */
static err reset(struct transaction *t)
{
	struct session *s = t->s;
	if (s->over)
		return OK;
	line_put(s, "RSET");
	TRY(hear(t, "at RSET"));
	s->over = s->over || s->reply.code != 250;
	return OK;
}

/* The reply to the text, after which nothing more should come. After a BDAT that failed nobody knows what is left at the
 * server (RFC 3030 2). */
static err end_message(struct transaction *t)
{
	struct session *s = t->s;
	if (t->accepted_count > 0)
		TRY(hear_end(t));
	else
		TRY(hear(t, "behind a message for nobody"));
	if (t->bdat && s->reply.code / 100 != 2)
		TRY(reset(t));
	/* Whoever goes on talking is answering something that was not asked. */
	s->over = s->over || io_waiting(s->io) > 0;
	return OK;
}

static err run_group(struct transaction *t, bool *begun)
{
	struct session *s = t->s;
	bool mail_taken = false, goes = false;
	const bool together = offers(s, SMTP_EXTENSION_PIPELINING);
	err e = together ? envelope_together(t, &mail_taken) : envelope_in_turn(t, &mail_taken);
	*begun = t->job->spoken;
	TRY(e);
	if (s->over && s->reply.code == 421) {
		answer_reply(t, AT_RCPT);
		return OK;
	}
	if (t->eager)
		return end_message(t);
	if (mail_taken || t->data_said)
		TRY(begin_data(t, &goes));
	if (!goes)
		return mail_taken ? reset(t) : OK;
	t->when = "in the middle of the message";
	TRY(content_send(s, &t->content, t->bdat));
	return end_message(t);
}

/* ---- what the server cannot take ---- */

static bool refuse_all(struct transaction *t, enum cause cause, const char *status, const char *text)
{
	struct failure f;
	failure_set(&f, cause, true, status, "%s", text);
	job_answer_rest(t->job, &f);
	return false;
}

static bool is_possible(struct transaction *t)
{
	struct session *s = t->s;
	const struct job *j = t->job;
	if (j->utf8 && !offers(s, SMTP_EXTENSION_SMTPUTF8)) /* RFC 6531 3.5 */
		return refuse_all(
			t, CAUSE_capability, "5.6.7", "the server does not take addresses or headers beyond ASCII");
	if (s->offer.size_max > 0 && j->size > s->offer.size_max)
		return refuse_all(t, CAUSE_size, "5.3.4", "the message is larger than the server takes");
	err e = content_prepare(s, j, &t->content);
	if (e.code == ERR_UNSUPPORTED)
		return refuse_all(
			t, CAUSE_capability, "5.6.3", "the message cannot be put into a form that the server takes");
	if (failed(e)) {
		struct failure f;
		failure_set(&f, CAUSE_local, false, "4.3.0", "the message cannot be read: %s", err_text(e));
		job_answer_rest(t->job, &f);
		return false;
	}
	t->bdat = offers(s, SMTP_EXTENSION_CHUNKING) && !t->content.converts;
	return true;
}

static size_t group_size(const struct session *s)
{
	uint64_t most = s->offer.recipients_max;
	return most > 0 && most < GROUP_MAX ? (size_t)most : GROUP_MAX;
}

bool transaction_run(struct session *s, struct job *j)
{
	struct transaction t = { .s = s, .job = j };
	bool begun = true;
	char name[2 * sizeof j->transaction + 1];
	struct buf text = BUF_ON(name);
	buf_hex(&text, j->transaction, sizeof j->transaction);
	s->log.message = buf_str(&text);
	snprintf(j->host, sizeof j->host, "%.*s", ARG(s->host->name));
	j->spoken = false;
	bool possible = is_possible(&t);
	for (size_t at = 0; possible && at < j->count && !s->over;) {
		for (t.count = 0, t.accepted_count = 0; at < j->count && t.count < group_size(s); at++, t.count++) {
			t.targets[t.count] = &j->targets[at];
			t.accepted[t.count] = false;
		}
		err e = run_group(&t, &begun);
		s->over = s->over || failed(e);
		if (!begun && s->waited && (e.code == ERR_CLOSED || e.code == ERR_SYSTEM))
			return false;
		if (failed(e))
			answer_error(&t, e);
	}
	struct failure rest;
	failure_set(
		&rest, CAUSE_busy, false, "4.4.2", "the server ended the connection before it came to this recipient");
	job_answer_rest(j, &rest);
	s->log.message = NO_STR;
	return true;
}
