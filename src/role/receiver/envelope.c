/* SPDX-License-Identifier: Apache-2.0 */
/* MAIL and RCPT: parsed here, decided by `directory`. */
#include "role/receiver/session.h"

#include "proto/idna/domain.h"

/* ---- questions to `directory` ---- */

/* Notes a question that stands written in the frame. It is asked at once unless the client has said more already. */
static void group_add(struct session *s, uint16_t number, const struct question *q, err written)
{
	struct group *g = &s->group;
	if (g->arena == NULL)
		g->arena = arena_new("smtp group", 2 * GROUP_ROOM);
	if (g->count == 0)
		g->questions = buf_in(g->arena, GROUP_ROOM);
	struct question *new = &g->of[g->count++];
	*new = *q;
	new->number = number;
	new->address = arena_copy(g->arena, q->address);
	/* What cannot be written cannot be asked: the answers will be too few, and the session says so. */
	if (failed(written) || failed(records_add(&g->questions, &s->desk->out)))
		g->questions.lost = true;
	/* Room for one more of the longest. */
	if (g->count == GROUP_MAX || g->questions.room - g->questions.n < SMTP_COMMAND_MAX)
		session_settle(s);
}

static void begin(struct session *s, const struct msg_verdict *verdict, const struct question *q)
{
	struct buf name = BUF_ON(s->message_name);
	s->transaction.utf8 = q->utf8;
	s->transaction.binary = q->binary;
	if (verdict->transaction.n == TRANSACTION_BYTES)
		memcpy(s->transaction.id, verdict->transaction.p, TRANSACTION_BYTES);
	buf_hex(&name, s->transaction.id, TRANSACTION_BYTES);
	s->log.message = buf_str(&name);
}

static void note_recipient(struct session *s, str recipient)
{
	struct transaction *t = &s->transaction;
	if (t->recipients++ == 0 && recipient.n <= sizeof t->recipient) {
		memcpy(t->recipient, recipient.p, recipient.n);
		t->recipient_length = recipient.n;
	}
}

static void log_refusal(struct session *s, str recipient, const struct msg_verdict *verdict)
{
	if (verdict->relay_refused)
		LOG(&s->log, relay_refused, F_ADDRESS("client", session_client(s)), F_ADDRESS("recipient", recipient));
	else
		LOG(&s->log, recipient_refused, F_ADDRESS("client", session_client(s)),
			F_ADDRESS("recipient", recipient), F_NUMBER("code", verdict->code),
			F_TEXT("reason", verdict->reason));
}

static void take_verdict(struct session *s, const struct question *q, const struct msg_verdict *v)
{
	const bool good = v->code < 400;
	if (q->number == MSG_mail && good)
		begin(s, v, q);
	else if (q->number == MSG_rcpt && good)
		note_recipient(s, q->address);
	else if (q->number == MSG_rcpt)
		log_refusal(s, q->address, v);
	else if (q->number == MSG_mail)
		LOG(&s->log, sender_refused, F_ADDRESS("client", session_client(s)), F_ADDRESS("sender", q->address),
			F_NUMBER("code", v->code), F_TEXT("reason", v->reason));
	if (q->number == MSG_mail && !good)
		session_reset(s, false);
	s->transaction.granted = q->number == MSG_data && v->code == 354;
	if (s->transaction.granted)
		return; /* the answer to DATA is 354, to BDAT it is given after the chunk */
	reply_verdict(s, v->code, v->status, v->reason);
	if (q->number == MSG_data)
		session_reset(s, false);
}

/* As many verdicts as there were questions. */
static err take_verdicts(struct session *s, size_t *taken)
{
	struct group *g = &s->group;
	const struct msg_questions questions = { .records = buf_str(&g->questions) };
	struct msg_verdicts answer;
	struct msg_verdict v;
	err e = OK;
	if (g->questions.lost)
		return FAIL(LIMIT);
	TRY(session_ask_directory(s));
	TRY(msg_send_questions(&s->directory, 0, &questions));
	TRY(msg_expect_verdicts(&s->directory, &answer));
	while (*taken < g->count && msg_next_verdict(&answer.records, &s->desk->out, &v, &e))
		take_verdict(s, &g->of[(*taken)++], &v);
	return failed(e) ? e : *taken == g->count ? OK : FAIL(SYNTAX);
}

/* The state that the answers lead to, not what was hoped for. */
static void settle_state(struct session *s)
{
	if (s->at == SMTP_AT_MAIL || s->at == SMTP_AT_RCPT)
		s->at = s->log.message.n == 0           ? SMTP_AT_READY
			: s->transaction.recipients > 0 ? SMTP_AT_RCPT
							: SMTP_AT_MAIL;
}

void session_settle(struct session *s)
{
	struct group *g = &s->group;
	size_t taken = 0;
	if (g->count == 0 || g->answering)
		return;
	g->answering = true;
	if (failed(take_verdicts(s, &taken)))
		session_directory_lost(s, g->count - taken);
	settle_state(s);
	g->answering = false;
	g->count = 0;
	arena_reset(g->arena);
}

bool session_ask_data(struct session *s)
{
	const struct msg_data m = { .no_more = 0 };
	group_add(s, MSG_data, &(struct question){ .address = S("") }, msg_put_data(&s->desk->out, 0, &m));
	session_settle(s);
	return s->transaction.granted;
}

/* ---- the commands ---- */

/* The reply to an argument that cannot be read (parameter.h lists the codes). */
static void refuse_argument(struct session *s, err e, const struct smtp_fault *fault)
{
	const bool is_size = str_eq_nocase(fault->culprit, S("SIZE"));
	if (e.code == ERR_UNSUPPORTED)
		replyf(s, 555, "5.5.4", "%.*s is not known here", ARG(fault->culprit));
	else if (e.code == ERR_LIMIT && is_size)
		reply(s, 552, "5.3.4", "that is larger than any message may be");
	else if (fault->expected != NULL)
		replyf(s, 501, "5.5.4", "expected %s", fault->expected);
	else
		replyf(s, 501, "5.5.4", "%.*s cannot be read", ARG(fault->culprit));
}

/* The address in its one spelling, with A-labels. False: there can be no such domain, and the client has been told so. */
static bool address_of(struct session *s, const struct smtp_path *path, str *out)
{
	struct buf b = buf_in(s->command, SMTP_PATH_MAX + 4), domain = buf_in(s->command, SMTP_DOMAIN_MAX);
	struct smtp_path as_in_dns = *path;
	if (failed(idna_domain(path->domain, &domain))) {
		reply(s, 553, "5.1.3", "there can be no such domain");
		return false;
	}
	as_in_dns.domain = buf_str(&domain);
	smtp_path_canonical(&as_in_dns, &b);
	*out = buf_str(&b);
	return true;
}

static bool may_begin(struct session *s, const struct smtp_envelope_argument *a)
{
	if (s->submission && !s->logged_in)
		reply(s, 530, "5.7.0", "log in first"); /* RFC 6409 4.3 */
	else if (s->messages >= s->conf->smtp.messages_max)
		reply(s, 452, "4.5.3", "enough messages for one connection, please make another");
	else if ((a->path.traits & SMTP_PATH_UTF8) != 0 && !smtp_has(&a->parameters, SMTP_PARAMETER_SMTPUTF8))
		reply(s, 553, "5.6.7", "that address needs SMTPUTF8"); /* RFC 6531 3.5 */
	else if (smtp_has(&a->parameters, SMTP_PARAMETER_REQUIRETLS) && s->tls_version == NULL)
		reply(s, 530, "5.7.10", "what demands TLS must come by TLS"); /* RFC 8689 2 */
	else
		return true;
	return false;
}

void command_mail(struct session *s, str argument)
{
	struct smtp_envelope_argument a;
	struct smtp_fault fault;
	err e = smtp_mail_parse(argument, s->command, &a, &fault);
	if (failed(e)) {
		refuse_argument(s, e, &fault);
		return;
	}
	str sender;
	if (!may_begin(s, &a) || !address_of(s, &a.path, &sender))
		return;
	const struct smtp_parameters *p = &a.parameters;
	const struct msg_mail m = { .sender = sender,
		.helo = str_from(s->helo, s->helo_length),
		.encrypted = s->tls_version != NULL,
		.size = p->size > UINT32_MAX ? UINT32_MAX : p->size,
		.utf8 = smtp_has(p, SMTP_PARAMETER_SMTPUTF8),
		.body = p->body,
		.ret = p->ret,
		.envid = p->envid,
		.requiretls = smtp_has(p, SMTP_PARAMETER_REQUIRETLS) };
	group_add(s, MSG_mail,
		&(struct question){ .utf8 = m.utf8, .binary = p->body == SMTP_BODY_BINARYMIME, .address = m.sender },
		msg_put_mail(&s->desk->out, 0, &m));
	s->transaction.utf8 = m.utf8;
	s->transaction.binary = p->body == SMTP_BODY_BINARYMIME;
	s->at = SMTP_AT_MAIL;
}

static str original_recipient(struct session *s, const struct smtp_parameters *p)
{
	if (!smtp_has(p, SMTP_PARAMETER_ORCPT))
		return S("");
	struct buf b = buf_in(s->command, p->orcpt_type.n + p->orcpt.n + 2);
	buf_add(&b, p->orcpt_type);
	buf_byte(&b, ';');
	buf_add(&b, p->orcpt);
	return buf_str(&b);
}

void command_rcpt(struct session *s, str argument)
{
	struct smtp_envelope_argument a;
	struct smtp_fault fault;
	err e = smtp_rcpt_parse(argument, s->command, &a, &fault);
	if (failed(e)) {
		refuse_argument(s, e, &fault);
		return;
	}
	/* A source route is never followed and never dropped in silence: it only serves to find open relays (R1). */
	if (a.path.route.n > 0) {
		reply(s, 550, "5.1.3", "source routes are not taken");
		return;
	}
	if ((a.path.traits & SMTP_PATH_UTF8) != 0 && !s->transaction.utf8) {
		reply(s, 553, "5.6.7", "that address needs SMTPUTF8");
		return;
	}
	str recipient;
	if (!address_of(s, &a.path, &recipient))
		return;
	const struct msg_rcpt m = {
		.recipient = recipient, .notify = a.parameters.notify, .orcpt = original_recipient(s, &a.parameters)
	};
	group_add(s, MSG_rcpt, &(struct question){ .address = m.recipient }, msg_put_rcpt(&s->desk->out, 0, &m));
	s->at = SMTP_AT_RCPT;
}
