/* SPDX-License-Identifier: Apache-2.0 */
/* DATA and BDAT: the message goes to `queue` as it comes; only what `queue` says is a 250. */
#include "os/clock.h"
#include "proto/mime/date.h"
#include "proto/smtp/received.h"
#include "role/receiver/session.h"

enum { ENVELOPE_MS = 30000 }; /* half of what `queue` keeps an envelope for without a body */

static unsigned with_bits(const struct session *s)
{
	return (s->lmtp ? SMTP_WITH_LMTP : 0u) | (s->esmtp ? SMTP_WITH_ESMTP : 0u) |
	       (s->tls_version != NULL ? SMTP_WITH_TLS : 0u) | (s->logged_in ? SMTP_WITH_AUTH : 0u) |
	       (s->transaction.utf8 ? SMTP_WITH_UTF8 : 0u);
}

static void write_trace(struct session *s, struct buf *to)
{
	char date_room[64], tls_room[96];
	struct buf date = BUF_ON(date_room), tls = BUF_ON(tls_room);
	const struct transaction *t = &s->transaction;
	mime_date_write(&date, (struct mime_date){ .seconds = clock_utc_seconds() });
	if (s->tls_version != NULL)
		buf_addf(&tls, "%s %s", s->tls_version, s->tls_cipher);
	const struct smtp_received r = { .helo = str_from(s->helo, s->helo_length),
		.address = s->caller->kind->local ? NO_STR : session_client(s),
		.name = s->caller->kind->local ? session_client(s) : NO_STR,
		.by = s->conf->server.hostname,
		.with = with_bits(s),
		.tls = buf_str(&tls),
		.id = s->log.message,
		.recipient = t->recipients == 1 ? str_from(t->recipient, t->recipient_length) : S(""),
		.date = buf_str(&date) };
	smtp_received_write(to, &r);
}

static void begin(struct session *s, struct smtp_data data)
{
	s->transfer = (struct transfer){ .open = true, .data = data };
	if (s->body == NULL)
		s->body = NEW(s->arena, char, BODY_ROOM);
	if (s->body == NULL || failed(session_ask_queue(s)))
		s->transfer.lost = true;
}

/* From here on the message goes to `queue` piece by piece; one that comes at once, and is small, goes in one frame. */
static void begin_pieces(struct session *s)
{
	struct transfer *t = &s->transfer;
	char room[SMTP_RECEIVED_MAX];
	struct buf trace = BUF_ON(room);
	if (t->lost || t->in_pieces)
		return;
	write_trace(s, &trace);
	const struct msg_body_begin m = { .transaction = str_from(s->transaction.id, TRANSACTION_BYTES),
		.trace = buf_str(&trace) };
	t->in_pieces = true;
	t->lost = failed(msg_send_body_begin(&s->queue, 0, &m));
}

static void send_held(struct session *s)
{
	struct transfer *t = &s->transfer;
	const struct msg_body m = { .bytes = str_from(s->body, t->held) };
	begin_pieces(s);
	if (!t->lost && !t->too_large && t->held > 0) {
		t->lost = failed(msg_send_body(&s->queue, 0, &m));
		t->sent += t->held;
	}
	t->held = 0;
}

/* The end of the message. */
static err send_last(struct session *s)
{
	struct transfer *t = &s->transfer;
	if (t->in_pieces) {
		send_held(s);
		const struct msg_body_end end = { .size = t->sent };
		return t->lost ? FAIL(CLOSED) : msg_send_body_end(&s->queue, 0, &end);
	}
	char room[SMTP_RECEIVED_MAX];
	struct buf trace = BUF_ON(room);
	write_trace(s, &trace);
	const struct msg_whole m = { .transaction = str_from(s->transaction.id, TRANSACTION_BYTES),
		.trace = buf_str(&trace),
		.bytes = str_from(s->body, t->held) };
	return t->lost ? FAIL(CLOSED) : msg_send_whole(&s->queue, 0, &m);
}

static void hold(struct session *s, str span)
{
	struct transfer *t = &s->transfer;
	if (t->data.size > s->conf->smtp.message_max || t->data.header_size > s->conf->smtp.header_max)
		t->too_large = true;
	while (span.n > 0 && !t->lost && !t->too_large) {
		size_t n = span.n < BODY_ROOM - t->held ? span.n : BODY_ROOM - t->held;
		memcpy(s->body + t->held, span.p, n);
		t->held += n;
		span = str_after(span, n);
		if (t->held == BODY_ROOM)
			send_held(s);
	}
}

/* What this process itself refuses a complete message for; NULL: nothing. */
static const char *fault_of(const struct session *s, int *code, const char **enhanced)
{
	const struct transfer *t = &s->transfer;
	*code = 552;
	*enhanced = "5.3.4";
	if (t->data.size > s->conf->smtp.message_max)
		return "the message is too large";
	if (t->data.header_size > s->conf->smtp.header_max)
		return "the header of the message is too large";
	*code = 550;
	*enhanced = "5.6.11";
	/* In the body of a binary message there are no lines; its header has them. */
	const unsigned marks = s->transaction.binary ? smtp_data_header_marks(&t->data) : t->data.marks;
	if ((marks & (SMTP_DATA_BARE_CR | SMTP_DATA_BARE_LF)) != 0)
		return "lines end in CR LF, and neither stands alone";
	*code = 554;
	*enhanced = "5.4.6";
	if (t->data.received > s->conf->smtp.received_max)
		return "the message goes in circles";
	return NULL;
}

/* RFC 2033 4.2: LMTP has a reply for each recipient that was accepted; all share one fate here. */
static void reply_all(struct session *s, uint64_t code, str status, str reason)
{
	for (unsigned i = s->lmtp ? s->transaction.recipients : 1; i > 0; i--)
		reply_verdict(s, code, status, reason);
}

static void finish(struct session *s)
{
	struct transfer *t = &s->transfer;
	struct msg_queued queued;
	const char *enhanced, *fault;
	int code;
	fault = t->lost ? NULL : fault_of(s, &code, &enhanced);
	if (fault != NULL) {
		LOG(&s->log, message_refused, F_ADDRESS("client", session_client(s)), F_NUMBER("code", (uint64_t)code),
			F_TEXT("reason", str_of(fault)));
		session_drop_body(s);
		reply_all(s, (uint64_t)code, str_of(enhanced), str_of(fault));
	} else if (failed(send_last(s)) || failed(msg_expect_queued(&s->queue, &queued))) {
		t->lost = true;
		reply_all(s, 451, S("4.3.0"), S("the message could not be stored, please try again later"));
	} else {
		reply_all(s, queued.code, queued.status, queued.reason);
	}
	if (t->lost)
		channel_close(&s->queue);
	t->open = false;
	s->messages++;
	session_reset(s, false);
}

void session_drop_body(struct session *s)
{
	const struct msg_body_cancel cancel = { .no_more = 0 };
	if (s->transfer.open && s->transfer.in_pieces && s->queue.fd >= 0 &&
		failed(msg_send_body_cancel(&s->queue, 0, &cancel)))
		channel_close(&s->queue);
	s->transfer.open = false;
}

/* What has come, waiting for it. An envelope waits for its body only so long at `queue`, a client has more time. */
static bool read_some(struct session *s, str *chunk)
{
	const int64_t patience = (int64_t)s->conf->smtp.data_timeout * 1000;
	const bool first = !s->transfer.in_pieces && s->transfer.held == 0;
	io_deadline(s->io, first && patience > ENVELOPE_MS ? ENVELOPE_MS : patience);
	err e = io_bytes_some(s->io, SIZE_MAX, chunk);
	if (e.code != ERR_TIMEOUT || !first || patience <= ENVELOPE_MS)
		return !failed(e);
	begin_pieces(s);
	io_deadline(s->io, patience - ENVELOPE_MS);
	return !failed(io_bytes_some(s->io, SIZE_MAX, chunk));
}

void command_data(struct session *s, str argument)
{
	struct smtp_data *data = &s->transfer.data;
	(void)argument;
	if (s->transaction.binary) { /* RFC 3030 3 */
		reply(s, 503, "5.5.1", "a message with BODY=BINARYMIME comes by BDAT");
		return;
	}
	if (!session_ask_data(s))
		return;
	begin(s, smtp_data_start());
	io_put(s->io, S("354 end with a dot on a line of its own\r\n"));
	for (;;) {
		str chunk, span;
		if (!read_some(s, &chunk)) {
			s->over = true; /* a message without its end was never sent */
			return;
		}
		while (smtp_data_next(data, &chunk, &span))
			hold(s, span);
		io_unread(s->io, chunk.n);
		if (data->ended)
			break;
		begin_pieces(s);
	}
	finish(s);
}

/* Reads a chunk through, into the message or into nothing. False: the connection is over. */
static bool read_chunk(struct session *s, struct smtp_bdat *chunks, bool keep)
{
	while (chunks->left > 0) {
		str input, span;
		io_deadline(s->io, (int64_t)s->conf->smtp.data_timeout * 1000);
		if (failed(io_bytes_some(s->io, chunks->left, &input)))
			return false;
		str mine = smtp_bdat_take(chunks, &input);
		while (keep && smtp_data_next(&s->transfer.data, &mine, &span))
			hold(s, span);
	}
	return true;
}

/* RFC 3030 2. A chunk that is refused is read all the same, so that what follows it is told from commands. */
void command_bdat(struct session *s, str argument)
{
	struct smtp_bdat *chunks = &s->transfer.chunks, announced = { 0 };
	const bool first = s->at != SMTP_AT_BDAT;
	if (failed(smtp_bdat_next(first ? &announced : chunks, argument))) {
		reply(s, 501, "5.5.4", "BDAT takes a size and perhaps LAST");
		s->over = true;
		return;
	}
	/* RFC 2033 4.3: the last chunk is answered once for each recipient, so without any not at all. */
	const bool unanswered = s->lmtp && s->at == SMTP_AT_MAIL && announced.last;
	if (unanswered || !session_may_run(s, &smtp_verbs[SMTP_VERB_BDAT]) || (first && !session_ask_data(s))) {
		s->over = s->over || !read_chunk(s, first ? &announced : chunks, false);
		return;
	}
	if (first) {
		begin(s, smtp_data_start_binary());
		if (!announced.last)
			begin_pieces(s);
		*chunks = announced;
		s->at = SMTP_AT_BDAT;
	}
	if (!read_chunk(s, chunks, true))
		s->over = true;
	else if (smtp_bdat_is_complete(chunks))
		finish(s);
	else
		replyf(s, 250, "2.0.0", "%llu octets so far", (unsigned long long)chunks->size);
}
