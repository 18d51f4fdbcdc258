/* SPDX-License-Identifier: Apache-2.0 */
/* What the played peers say: envelopes, bodies, fetches. */
#pragma once
#include <fcntl.h>

#include "os/fd.h"
#include "queue_answer.h"

enum { NUMBER_BYTES = 16 };

struct number {
	char bytes[NUMBER_BYTES];
};

static struct number number_of(unsigned n)
{
	struct number number = { { 0 } };
	number.bytes[0] = 'n';
	memcpy(number.bytes + 4, &n, sizeof n);
	return number;
}
static str number_str(const struct number *n) { return str_from(n->bytes, NUMBER_BYTES); }

/* One envelope to accounts (0: elsewhere), submitted by an account or by nobody. */
static void tell_envelope(unsigned n, uint32_t submitter, uint64_t size_max, const uint32_t *accounts, size_t count)
{
	static char room[48000];
	struct number number = number_of(n);
	size_t i = 0;
	do {
		struct buf records = BUF_ON(room);
		for (; i < count && records.n < sizeof room - 1000; i++)
			MUST(msg_add_recipient(&records, &house.scratch,
				&(struct msg_recipient){ .account = accounts[i],
					.address = accounts[i] > 0 ? S("Anna+x@ours.test") : S("o@else.test"),
					.detail = S("x"),
					.orcpt = S("") }));
		MUST(msg_send_envelope(&house.directory, 0,
			&(struct msg_envelope){ .transaction = number_str(&number),
				.last = i == count,
				.sender = S("sender@example.org"),
				.account = submitter,
				.size_max = size_max,
				.envid = S(""),
				.session = S("0123456789abcdef"),
				.client = S("192.0.2.1"),
				.recipients = buf_str(&records) }));
	} while (i < count);
}

static void send_begin(struct channel *session, unsigned n)
{
	struct number number = number_of(n);
	MUST(msg_send_body_begin(session, 0,
		&(struct msg_body_begin){ .transaction = number_str(&number), .trace = S("Received: x\r\n") }));
}

static void send_bytes(struct channel *session, str body)
{
	for (size_t at = 0; at < body.n; at += 61440)
		MUST(msg_send_body(session, 0, &(struct msg_body){ .bytes = str_slice(body, at, at + 61440) }));
}

static void send_end(struct channel *session, uint64_t size)
{
	MUST(msg_send_body_end(session, 0, &(struct msg_body_end){ .size = size }));
}

/* The filter has nothing against the message that it is shown. */
__attribute__((unused)) static void judge_as(bool automatic, bool tls_optional)
{
	struct msg_judge j;
	const struct msg_judged taken = { 250, S("2.0.0"), S(""), automatic, tls_optional, 0, 0, S(""), S("") };
	MUST(msg_expect_judge(&house.filter, &j));
	fd_close(&j.body);
	MUST(msg_send_judged(&house.filter, house.filter.in->tag, &taken));
}

static unsigned send_body(struct channel *session, unsigned n, str body)
{
	send_begin(session, n);
	send_bytes(session, body);
	send_end(session, body.n);
	return hear_queued(session);
}

__attribute__((unused)) static unsigned send_message(struct channel *session, unsigned n, uint32_t account, str body)
{
	tell_envelope(n, 0, UINT32_MAX, &account, 1);
	return send_body(session, n, body);
}

/* The mailbox process of an account. */
struct mailbox {
	struct channel channel;
	uint32_t account;
	unsigned got;
	unsigned last; /* number of the last message delivered */
	str body;      /* of the last delivery, in room */
	bool as_file;
	char room[2 << 20];
};

__attribute__((unused)) static void mailbox_open(struct mailbox *m, uint32_t account)
{
	m->account = account;
	m->got = 0;
	m->channel = house_channel("mailbox", account);
}

static void confirm(struct mailbox *m, const struct msg_deliver *d)
{
	char room[100];
	struct buf records = BUF_ON(room);
	MUST(msg_add_delivery(&records, &house.scratch,
		&(struct msg_delivery){ .transaction = d->transaction, .recipient = d->recipient }));
	MUST(msg_send_delivered(&m->channel, 0, &(struct msg_delivered){ .deliveries = buf_str(&records) }));
}

static void take_delivery(struct mailbox *m, const struct msg_deliver *d)
{
	m->got++;
	memcpy(&m->last, d->transaction.p + 4, sizeof m->last);
	m->as_file = d->file >= 0;
	size_t n = d->body.n;
	if (n > 0)
		memcpy(m->room, d->body.p, n);
	while (m->as_file) {
		ssize_t got = read(d->file, m->room + n, sizeof m->room - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (m->as_file)
		close(d->file);
	m->body = str_from(m->room, n);
}

/* Fetches once, confirms each delivery if asked to; whether there may be more. each may be NULL. */
static bool mailbox_fetch(struct mailbox *m, bool confirms, void (*each)(const struct msg_deliver *))
{
	MUST(msg_send_fetch(&m->channel, 0, &(struct msg_fetch){ .most = 64 }));
	for (;;) {
		MUST(channel_receive(&m->channel));
		if (m->channel.in->number == MSG_fetched)
			break;
		struct msg_deliver d;
		MUST(msg_get_deliver(m->channel.in, &d));
		take_delivery(m, &d);
		if (each != NULL)
			each(&d);
		if (confirms)
			confirm(m, &d);
		if (d.last)
			return true;
	}
	struct msg_fetched fetched;
	MUST(msg_get_fetched(m->channel.in, &fetched));
	return fetched.more;
}

/* Waits to be told, then fetches all there is. */
__attribute__((unused)) static void mailbox_fetch_all(
	struct mailbox *m, bool confirms, void (*each)(const struct msg_deliver *))
{
	struct msg_mail_waiting waiting;
	MUST(msg_expect_mail_waiting(&m->channel, &waiting));
	while (mailbox_fetch(m, confirms, each))
		;
}

/* Whether anything is said within that time. */
__attribute__((unused)) static bool is_told(struct channel *c, unsigned milliseconds)
{
	struct channel hasty = channel_waiting(c->fd, milliseconds, c->in, c->out);
	err e = channel_receive(&hasty);
	channel_waiting(c->fd, PATIENCE_MS, c->in, c->out);
	if (!failed(e))
		frame_drop(c->in);
	return !failed(e);
}
