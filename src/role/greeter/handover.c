/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that leave: to `mailroom` after a login, back to `frontdoor` for TLS. */
#include "os/fd.h"
#include "role/greeter/session.h"

void session_enter(struct session *s, str tag, str ticket)
{
	struct greeter *g = s->greeter;
	struct msg_enter enter = { .ticket = ticket,
		.protocol = S("imap"),
		.tag = tag,
		.encrypted = s->visitor->encrypted,
		.client = str_from(s->client, s->client_length) };
	if (failed(io_take_fd(&s->io, s->arena, &enter.unread, &enter.stream))) {
		s->ended = true;
		return;
	}
	pthread_mutex_lock(&g->lock);
	struct channel c = channel_of(g->mailroom.channel.fd, &s->desk->in, &s->desk->out);
	err e = c.fd >= 0 ? msg_send_enter(&c, 0, &enter) : FAIL(CLOSED);
	pthread_mutex_unlock(&g->lock);
	s->ended = true;
	if (!failed(e)) {
		fd_close(&enter.stream);
		return;
	}
	s->io = io_new(enter.stream, IMAP_LINE_MAX_FRESH, 512);
	answer(s, tag, "NO", "[UNAVAILABLE] the mailbox cannot be reached at the moment, please try again");
	io_put(s->io, S("* BYE please come back\r\n"));
}

/* RFC 3501 6.2.1: nothing may stand behind it (CVE-2011-0411), and nothing said before it counts afterwards. */
void command_starttls(struct session *s, const struct imap_command *c)
{
	struct visitor *v = s->visitor;
	if (v->encrypted) {
		answer_bad(s, c->tag, "TLS is in use already");
		return;
	}
	if (io_waiting(s->io) > 0) {
		answer_bad(s, c->tag, "nothing may follow STARTTLS before its answer");
		s->ended = true;
		return;
	}
	struct msg_encrypt encrypt = { .service = str_of(v->service), .session = str_of(v->session) };
	str leftover;
	answer(s, c->tag, "OK", "begin");
	s->ended = true;
	if (failed(io_take_fd(&s->io, s->arena, &leftover, &encrypt.socket)))
		return;
	struct greeter *g = s->greeter;
	pthread_mutex_lock(&g->lock);
	struct channel channel = channel_of(v->frontdoor->peer.channel.fd, &s->desk->in, &s->desk->out);
	/* Where it cannot be brought back the client sees its connection end; so does one whose next bytes came early. */
	if (leftover.n == 0)
		IGNORE(msg_send_encrypt(&channel, 0, &encrypt));
	pthread_mutex_unlock(&g->lock);
	fd_close(&encrypt.socket);
}
