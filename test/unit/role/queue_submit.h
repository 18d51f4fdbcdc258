/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that is submitted for other servers, and what an administrator asks of it. */
#pragma once
#include "queue_talk.h"

#include "check.h"
#include "os/clock.h"
#include "os/fd.h"

#define BODY S("From: <anna@ours.test>\r\nSubject: x\r\n\r\nhello\r\n")

__attribute__((unused)) static struct mailbox anna;

/* ---- what is submitted ---- */

struct envelope {
	uint32_t account;
	const char *sender;
	unsigned notify, ret;
	const char *addresses[30];
	bool automatic, held, inner, inside, requires_tls, tls_optional;
	uint64_t inner_max;
	uint64_t local;  /* plus 1 */
	uint32_t keeper; /* of each recipient */
};

/* The code that the body is answered with. */
static unsigned try_submit(struct channel *session, unsigned n, const struct envelope *from, str body)
{
	static char room[48000];
	struct number number = number_of(n);
	struct buf records = BUF_ON(room);
	for (size_t i = 0; from->addresses[i] != NULL; i++)
		MUST(msg_add_recipient(&records, &house.scratch,
			&(struct msg_recipient){ .address = str_of(from->addresses[i]),
				.inner = from->inner,
				.keeper = from->keeper,
				.detail = S(""),
				.notify = from->notify,
				.orcpt = S("rfc822;orig@else.test") }));
	MUST(msg_send_envelope(&house.directory, 0,
		&(struct msg_envelope){ .transaction = number_str(&number),
			.last = true,
			.sender = str_of(from->sender),
			.account = from->account,
			.local = from->local,
			.size_max = UINT32_MAX,
			.inner_max = from->inner_max,
			.inside = from->inside,
			.ret = from->ret,
			.envid = S("QQ314"),
			.held = from->held,
			.requiretls = from->requires_tls,
			.german = from->account == 8,
			.recipients = buf_str(&records) }));
	send_begin(session, n);
	send_bytes(session, body);
	send_end(session, body.n);
	if (from->account > 0 || from->local > 0 || from->inside || !from->inner)
		judge_as(from->automatic, from->tls_optional);
	return hear_queued(session);
}

__attribute__((unused)) static void submit(struct channel *session, unsigned n, const struct envelope *from, str body)
{
	assert_int_equal(try_submit(session, n, from, body), 250);
}

__attribute__((unused)) static const struct envelope to_bob = { 7, "anna@ours.test", 0, 0, { "bob@else.test", NULL } };
__attribute__((unused)) static const struct envelope from_nobody = { 0, "stranger@other.test", 0, 0,
	{ "bob@else.test", NULL } };

/* The lines that the last command() was answered with. */
static char shown_room[8192];
static struct buf shown = BUF_ON(shown_room);

/* Lines of the answer to a command. A refusal counts as none. */
__attribute__((unused)) static unsigned command(const char *verb, const char *word)
{
	char room[200];
	struct buf words = BUF_ON(room);
	unsigned lines = 0;
	struct msg_end end;
	struct msg_line line;
	struct channel c = house_session(&house.control);
	shown.n = 0;
	shown.lost = false;
	if (word != NULL)
		MUST(msg_add_word(&words, &house.scratch, &(struct msg_word){ .text = str_of(word) }));
	MUST(msg_send_command(&c, 0,
		&(struct msg_command){
			.verb = str_of(verb), .words = buf_str(&words), .secret = S(""), .caller = S("root") }));
	for (;; lines++) {
		MUST(channel_receive(&c));
		if (c.in->number != MSG_line)
			break;
		MUST(msg_get_line(c.in, &line));
		buf_add(&shown, line.json);
		frame_drop(c.in);
	}
	MUST(msg_get_end(c.in, &end));
	channel_close(&c);
	return lines;
}

__attribute__((unused)) static unsigned waiting(void) { return command("queue list", NULL); }

__attribute__((unused)) static void wait_for(unsigned messages)
{
	int64_t end = clock_ms() + PATIENCE_MS;
	while (waiting() != messages) {
		if (clock_ms() > end)
			fail_msg("%u messages wait, want %u", waiting(), messages);
		usleep(20000);
	}
}
