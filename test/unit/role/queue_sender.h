/* SPDX-License-Identifier: Apache-2.0 */
/* The sender, played. */
#pragma once
#include "queue_submit.h"

#include "ipc/cause.h"

#define CONVERSATION "ipc/queue_sender.def"
#include "ipc/conversation.h"

static struct channel sender;

/* ---- what the sender hears and says ---- */

struct job {
	uint64_t number;
	struct number transaction;
	unsigned targets[200];
	char destination[64], address[64], sender[80];
	size_t count, size;
	bool more, inner, requires_tls, tls_optional;
};

__attribute__((unused)) static void open_sender(unsigned credit)
{
	sender = house_channel("sender", 0);
	if (credit > 0)
		MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = credit }));
}

__attribute__((unused)) static void copy(char *to, size_t room, str from)
{
	assert_true(from.n < room);
	memcpy(to, from.p, from.n);
	to[from.n] = '\0';
}

__attribute__((unused)) static void read_job(struct job *out)
{
	struct msg_job m;
	struct msg_target t;
	err e = OK;
	MUST(msg_get_job(sender.in, &m));
	*out = (struct job){ .number = m.job,
		.size = m.size,
		.more = m.more,
		.inner = m.inner,
		.requires_tls = m.requiretls,
		.tls_optional = m.tls_optional };
	memcpy(out->transaction.bytes, m.transaction.p, NUMBER_BYTES);
	copy(out->destination, sizeof out->destination, m.destination);
	copy(out->sender, sizeof out->sender, m.sender);
	str records = m.targets;
	while (msg_next_target(&records, &house.scratch, &t, &e)) {
		copy(out->address, sizeof out->address, t.address);
		out->targets[out->count++] = (unsigned)t.recipient;
	}
	MUST(e);
	if (m.file >= 0) {
		static char room[1 << 20];
		assert_int_equal(pread(m.file, room, sizeof room, 0), m.size);
		close(m.file);
	} else {
		assert_int_equal(m.bytes.n, m.size);
	}
}

/* The next job; `noted` on the way is passed over. */
__attribute__((unused)) static void hear_job(struct job *out)
{
	for (;;) {
		MUST(channel_receive(&sender));
		if (sender.in->number == MSG_job)
			break;
		frame_drop(sender.in);
	}
	read_job(out);
}

__attribute__((unused)) static bool is_noted(uint64_t number)
{
	for (;;) {
		struct msg_noted m;
		struct msg_number one;
		err e = OK;
		bool found = false;
		MUST(channel_receive(&sender));
		assert_int_equal(sender.in->number, MSG_noted);
		MUST(msg_get_noted(sender.in, &m));
		while (msg_next_number(&m.jobs, &house.scratch, &one, &e))
			found |= one.number == number;
		if (found)
			return true;
	}
}

__attribute__((unused)) static void say_result(
	const struct job *j, enum outcome_kind kind, enum cause cause, unsigned code, str status)
{
	static char room[49152];
	struct buf records = BUF_ON(room);
	for (size_t i = 0; i < j->count; i++)
		MUST(msg_add_outcome(&records, &house.scratch,
			&(struct msg_outcome){ .recipient = j->targets[i],
				.kind = kind,
				.cause = cause,
				.code = code,
				.status = status,
				.text = S("words of theirs") }));
	MUST(msg_send_result(&sender, 0,
		&(struct msg_result){ .job = j->number,
			.transaction = number_str(&j->transaction),
			.host = S("mx.else.test"),
			.last = true,
			.outcomes = buf_str(&records) }));
}

__attribute__((unused)) static void answer(
	const struct job *j, enum outcome_kind kind, enum cause cause, unsigned code, str status)
{
	say_result(j, kind, cause, code, status);
	MUST(msg_send_ready(&sender, 0, &(struct msg_ready){ .jobs = 1 }));
}

__attribute__((unused)) static void say_destination(const char *name, enum destination_state state)
{
	MUST(msg_send_destination(&sender, 0,
		&(struct msg_destination){ .destination = str_of(name),
			.state = state,
			.cause = state == DESTINATION_REACHABLE ? CAUSE_none : CAUSE_unreachable,
			.status = S("4.4.1"),
			.text = S("no connection"),
			.host = S("mx.else.test") }));
}

/* It found nobody there, and gives the job back. */
__attribute__((unused)) static void say_unreachable(const struct job *j)
{
	say_destination(j->destination, DESTINATION_UNREACHABLE);
	MUST(msg_send_returned(&sender, 0, &(struct msg_returned){ .job = j->number }));
}

__attribute__((unused)) static void soon(struct conf *conf)
{
	conf->queue.retry_first = 1;
	conf->queue.retry_max = 1;
}
