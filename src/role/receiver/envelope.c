/* SPDX-License-Identifier: Apache-2.0 */
/* MAIL and RCPT: parsed here, decided by `directory`. */
#include "role/receiver/session.h"

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

static err ask(struct session *s, struct msg_verdict *verdict) { return msg_expect_verdict(&s->directory, verdict); }

static str address_of(struct session *s, const struct smtp_path *path)
{
	struct buf b = buf_in(s->command, SMTP_PATH_MAX + 4);
	smtp_path_canonical(path, &b);
	return buf_str(&b);
}

static void begin(struct session *s, const struct msg_verdict *verdict, bool utf8)
{
	struct buf name = BUF_ON(s->message_name);
	s->transaction.utf8 = utf8;
	if (verdict->transaction.n == TRANSACTION_BYTES)
		memcpy(s->transaction.id, verdict->transaction.p, TRANSACTION_BYTES);
	buf_hex(&name, s->transaction.id, TRANSACTION_BYTES);
	s->log.message = buf_str(&name);
	s->at = SMTP_AT_MAIL;
}

static bool may_begin(struct session *s, const struct smtp_envelope_argument *a)
{
	if (s->submission && !s->logged_in)
		reply(s, 530, "5.7.0", "log in first"); /* RFC 6409 4.3 */
	else if (s->messages >= s->conf->smtp.messages_max)
		reply(s, 452, "4.5.3", "enough messages for one connection, please make another");
	else if (a->parameters.body == SMTP_BODY_BINARYMIME)
		reply(s, 555, "5.5.4", "BINARYMIME is not offered");
	else if ((a->path.traits & SMTP_PATH_UTF8) != 0 && !smtp_has(&a->parameters, SMTP_PARAMETER_SMTPUTF8))
		reply(s, 553, "5.6.7", "that address needs SMTPUTF8"); /* RFC 6531 3.5 */
	else
		return true;
	return false;
}

void command_mail(struct session *s, str argument)
{
	struct smtp_envelope_argument a;
	struct smtp_fault fault;
	struct msg_verdict verdict;
	err e = smtp_mail_parse(argument, s->command, &a, &fault);
	if (failed(e)) {
		refuse_argument(s, e, &fault);
		return;
	}
	if (!may_begin(s, &a))
		return;
	const struct smtp_parameters *p = &a.parameters;
	const struct msg_mail m = { .sender = address_of(s, &a.path),
		.helo = str_from(s->helo, s->helo_length),
		.encrypted = s->tls_version != NULL,
		.size = p->size > UINT32_MAX ? UINT32_MAX : p->size,
		.utf8 = smtp_has(p, SMTP_PARAMETER_SMTPUTF8),
		.body = p->body,
		.ret = p->ret,
		.envid = p->envid };
	if (failed(session_ask_directory(s)) || failed(msg_send_mail(&s->directory, 0, &m)) ||
		failed(ask(s, &verdict))) {
		session_directory_lost(s);
		return;
	}
	if (verdict.code < 300)
		begin(s, &verdict, m.utf8);
	else
		LOG(&s->log, sender_refused, F_ADDRESS("client", session_client(s)), F_ADDRESS("sender", m.sender),
			F_NUMBER("code", verdict.code), F_TEXT("reason", verdict.reason));
	reply_verdict(s, verdict.code, verdict.status, verdict.reason);
}

/* RFC 3461 4.1, in the bits of receiver_directory.def. */
static unsigned notify_bits(unsigned notify)
{
	return ((notify & SMTP_NOTIFY_SUCCESS) != 0 ? 1u : 0) | ((notify & SMTP_NOTIFY_FAILURE) != 0 ? 2u : 0) |
	       ((notify & SMTP_NOTIFY_DELAY) != 0 ? 4u : 0) | ((notify & SMTP_NOTIFY_NEVER) != 0 ? 8u : 0);
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

static void note_recipient(struct session *s, str recipient)
{
	struct transaction *t = &s->transaction;
	if (t->recipients++ == 0 && recipient.n <= sizeof t->recipient) {
		memcpy(t->recipient, recipient.p, recipient.n);
		t->recipient_length = recipient.n;
	}
	s->at = SMTP_AT_RCPT;
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

void command_rcpt(struct session *s, str argument)
{
	struct smtp_envelope_argument a;
	struct smtp_fault fault;
	struct msg_verdict verdict;
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
	const struct msg_rcpt m = { .recipient = address_of(s, &a.path),
		.notify = notify_bits(a.parameters.notify),
		.orcpt = original_recipient(s, &a.parameters) };
	if (failed(msg_send_rcpt(&s->directory, 0, &m)) || failed(ask(s, &verdict))) {
		session_directory_lost(s);
		return;
	}
	if (verdict.code < 300)
		note_recipient(s, m.recipient);
	else
		log_refusal(s, m.recipient, &verdict);
	reply_verdict(s, verdict.code, verdict.status, verdict.reason);
}
