/* SPDX-License-Identifier: Apache-2.0 */
/* What `receiver` and `greeter` say to `directory`, and what they hear. */
#pragma once
#include "directory_house.h"

/* A session's other end; its client comes from there. */
static inline struct channel open_session(str kind, const char *client, str service)
{
	int ends[2], any[2];
	struct channel opener = peer(kind, 0);
	const struct msg_client hello = { .service = service, .session = S("s1") };
	struct msg_client m = hello;
	check_err(client, address_parse(str_of(client), &house.next_client), ERR_NONE);
	check_err("pair", channel_pair(ends), ERR_NONE);
	check_err("pair", channel_pair(any), ERR_NONE);
	check_err("open", msg_send_session_open(&opener, 0, &(struct msg_session_open){ .end = ends[0] }), ERR_NONE);
	fd_close(&ends[0]);
	turn();
	channel_close(&opener);
	struct channel c = channel_of(ends[1], &house.in, &house.out);
	m.socket = any[0];
	check_err("client", msg_send_client(&c, 0, &m), ERR_NONE);
	fd_close(&any[0]);
	fd_close(&any[1]);
	turn();
	return c;
}

/* Asks what was written into the frame. The verdict's texts last until the next question. */
static inline struct msg_verdict ask(struct channel *c, const char *name, err written)
{
	static struct frame scratch;
	static char room[40000];
	struct buf records = BUF_ON(room);
	struct msg_verdict v = { .code = 0 };
	struct msg_verdicts verdicts;
	err e = OK;
	check_err(name, written, ERR_NONE);
	check_err(name, records_add(&records, c->out), ERR_NONE);
	check_err(name, msg_send_questions(c, 0, &(struct msg_questions){ .records = buf_str(&records) }), ERR_NONE);
	turn();
	check_err(name, msg_expect_verdicts(c, &verdicts), ERR_NONE);
	assert_true(msg_next_verdict(&verdicts.records, &scratch, &v, &e));
	assert_int_equal(verdicts.records.n, 0);
	return v;
}

static inline struct msg_verdict ask_mail(struct channel *c, str sender, uint64_t size)
{
	const struct msg_mail m = { .sender = sender, .helo = S("client.example"), .size = size, .envid = S("") };
	return ask(c, "mail", msg_put_mail(c->out, 0, &m));
}

static inline struct msg_verdict ask_rcpt(struct channel *c, str recipient)
{
	const struct msg_rcpt m = { .recipient = recipient, .orcpt = S("rfc822;x@y"), .notify = 2 };
	return ask(c, recipient.p, msg_put_rcpt(c->out, 0, &m));
}

static inline struct msg_verdict ask_data(struct channel *c)
{
	return ask(c, "data", msg_put_data(c->out, 0, &(struct msg_data){ .no_more = 0 }));
}

static inline void check_verdict(const char *name, struct msg_verdict got, uint64_t code, const char *status)
{
	if (got.code != code || !str_eq(got.status, str_of(status)))
		fail_msg("%s: got %u %.*s %.*s, want %u %s", name, (unsigned)got.code, ARG(got.status), ARG(got.reason),
			(unsigned)code, status);
}
