/* SPDX-License-Identifier: Apache-2.0 */
/* EHLO, HELO, LHLO, STARTTLS and the small commands. */
#include "role/receiver/session.h"

/* Takes the name a client gives itself. What is no name is taken too: it proves nothing in either case. */
static bool take_name(struct session *s, str argument)
{
	enum smtp_helo_kind kind;
	if (failed(smtp_helo_parse(argument, &kind)) || argument.n > sizeof s->helo) {
		reply(s, 501, "5.5.4", "say a domain name or an address literal");
		return false;
	}
	memcpy(s->helo, argument.p, argument.n);
	s->helo_length = argument.n;
	session_reset(s, false);
	return true;
}

static bool offers_starttls(const struct session *s)
{
	return s->tls_version == NULL && !s->caller->kind->local &&
	       handshakes_are_possible(s->caller->receiver->handshakes);
}

/* What the command sendmail completes names with. */
static str local_domain(const struct conf *conf)
{
	return conf->local.domain.n > 0 ? conf->local.domain : conf->server.hostname;
}

/* RFC 5321 4.1.1.1: one extension a line. */
static void extensions(struct session *s)
{
	char room[512];
	struct buf b = BUF_ON(room);
	buf_addf(&b, "%.*s\nPIPELINING\nSIZE %llu\n", ARG(s->conf->server.hostname),
		(unsigned long long)s->conf->smtp.message_max);
	if (offers_starttls(s))
		buf_add(&b, S("STARTTLS\n"));
	/* RFC 4954 4: only where a password would not be heard. */
	if (s->submission && s->tls_version != NULL)
		buf_add(&b, S("AUTH PLAIN LOGIN\n"));
	if (s->tls_version != NULL) /* RFC 8689 2 */
		buf_add(&b, S("REQUIRETLS\n"));
	if (s->caller->kind->local)
		buf_addf(&b, "XDOMAIN %.*s\n", ARG(local_domain(s->conf)));
	buf_add(&b, S("8BITMIME\nSMTPUTF8\nCHUNKING\nBINARYMIME\nDSN\nENHANCEDSTATUSCODES"));
	char text[1024];
	struct buf out = BUF_ON(text);
	const struct smtp_reply r = { .code = 250, .text = buf_str(&b) };
	smtp_reply_write(&out, &r, false);
	io_put(s->io, buf_str(&out));
}

void command_ehlo(struct session *s, str argument)
{
	if (!take_name(s, argument))
		return;
	s->esmtp = true;
	extensions(s);
}

/* RFC 2033 4.1 */
void command_lhlo(struct session *s, str argument) { command_ehlo(s, argument); }

void command_helo(struct session *s, str argument)
{
	if (!take_name(s, argument))
		return;
	s->esmtp = false;
	io_putf(s->io, "250 %.*s\r\n", ARG(s->conf->server.hostname));
}

/* RFC 3207 4 */
void command_starttls(struct session *s, str argument)
{
	struct caller *c = s->caller;
	(void)argument;
	if (!offers_starttls(s)) {
		reply(s, s->tls_version != NULL ? 503 : 454, s->tls_version != NULL ? "5.5.1" : "4.7.0",
			"there is no TLS to start");
		return;
	}
	reply(s, 220, "2.0.0", "begin");
	if (failed(io_flush(s->io)))
		return;
	struct tls *tls = handshakes_accept(c->receiver->handshakes, c->fd);
	if (tls == NULL) { /* the certificate has gone meanwhile */
		s->over = s->unusable = true;
		return;
	}
	io_deadline(s->io, (int64_t)s->conf->tls.handshake_timeout * 1000);
	err e = io_start_layer(s->io, &tls_layer, tls);
	if (failed(e)) {
		LOG(&s->log, tls_failed, F_ADDRESS("client", session_client(s)), F_ERR(e),
			F_TEXT("reason", str_of(tls_failure(tls))));
		if (e.code == ERR_STATE)
			tls_free(&tls); /* plaintext behind STARTTLS: somebody is injecting (CVE-2011-0411) */
		s->over = s->unusable = true;
		return;
	}
	session_reset(s, true);
	s->tls_version = tls_version_name(tls);
	s->tls_cipher = tls_cipher_name(tls);
}

void command_rset(struct session *s, str argument)
{
	(void)argument;
	session_reset(s, false);
	reply(s, 250, "2.0.0", "forgotten");
}

void command_noop(struct session *s, str argument)
{
	(void)argument;
	reply(s, 250, "2.0.0", "fine");
}

/* RFC 5321 7.3: both exist, and tell nobody which addresses there are. */
void command_vrfy(struct session *s, str argument)
{
	(void)argument;
	reply(s, 252, "2.5.0", "send a message and you will see");
}

void command_expn(struct session *s, str argument)
{
	(void)argument;
	reply(s, 502, "5.5.1", "lists are not told");
}

void command_help(struct session *s, str argument)
{
	(void)argument;
	reply(s, 214, "2.0.0", "see RFC 5321");
}

void command_quit(struct session *s, str argument)
{
	(void)argument;
	io_putf(s->io, "221 2.0.0 %.*s says goodbye\r\n", ARG(s->conf->server.hostname));
	s->over = true;
}
