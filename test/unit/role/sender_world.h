/* SPDX-License-Identifier: Apache-2.0 */
/* A sender between a queue, a resolver and a mail server (sender_server.h) that are all played by the test. */
#pragma once
#include "fake_service.h"
#include "os/fd.h"
#include "role/sender/sender.h"
#include "sender_server.h"

#define CONVERSATION "ipc/queue_sender.def"
#include "ipc/conversation.h"

enum { TARGETS_SHOWN = 4 };

struct shown {
	bool has;
	unsigned kind, cause, code;
	char status[20], text[500];
	bool dsn, final;
};

static struct world {
	struct fake_service fake;
	struct sender *sender;
	struct channel queue, resolver;
	struct frame queue_in, queue_out, resolver_in, resolver_out, scratch;
	struct server server;
	/* what the queue was told */
	struct shown shown[TARGETS_SHOWN];
	bool ended, returned;
	unsigned destination_state, destinations_told, results;
	uint64_t credit, last_job;
	/* the DNS */
	err (*answer)(struct world *w, const struct msg_lookup *m, uint32_t tag);
	unsigned questions;
} world;

/* ---- the queue ---- */

static void note_outcomes(struct world *w, str records)
{
	struct msg_outcome m;
	err e = OK;
	while (msg_next_outcome(&records, &w->scratch, &m, &e)) {
		struct shown *s = &w->shown[m.recipient % TARGETS_SHOWN];
		*s = (struct shown){ .has = true,
			.kind = (unsigned)m.kind,
			.cause = (unsigned)m.cause,
			.code = (unsigned)m.code,
			.dsn = m.dsn,
			.final = m.final };
		snprintf(s->status, sizeof s->status, "%.*s", ARG(m.status));
		snprintf(s->text, sizeof s->text, "%.*s", ARG(m.text));
	}
	check_err("outcomes", e, ERR_NONE);
}

static void queue_hears(struct world *w)
{
	while (!failed(channel_receive(&w->queue))) {
		struct frame *f = w->queue.in;
		struct msg_result result;
		struct msg_ready ready;
		struct msg_destination destination;
		struct msg_returned returned;
		if (f->number == MSG_result && !failed(msg_get_result(f, &result))) {
			note_outcomes(w, result.outcomes);
			w->ended = true;
			w->results++;
			w->last_job = result.job;
		} else if (f->number == MSG_ready && !failed(msg_get_ready(f, &ready))) {
			w->credit += ready.jobs;
		} else if (f->number == MSG_destination && !failed(msg_get_destination(f, &destination))) {
			w->destination_state = (unsigned)destination.state;
			w->destinations_told++;
		} else if (f->number == MSG_returned && !failed(msg_get_returned(f, &returned))) {
			w->returned = true;
		}
	}
}

/* ---- the DNS ---- */

static err say_answer(struct world *w, const struct msg_lookup *m, uint32_t tag, enum dns_outcome outcome, str records)
{
	const struct msg_lookup_done done = { .outcome = outcome,
		.validating = true,
		.secure = true,
		.canonical = m->name,
		.ttl = 60,
		.reason = S("as told"),
		.records = records };
	return msg_send_lookup_done(&w->resolver, tag, &done);
}

static void resolver_hears(struct world *w)
{
	while (!failed(channel_receive(&w->resolver))) {
		struct msg_lookup m;
		const uint32_t tag = w->resolver.in->tag;
		check_err("lookup", msg_get_lookup(w->resolver.in, &m), ERR_NONE);
		w->questions++;
		check_err("answer", w->answer(w, &m, tag), ERR_NONE);
	}
}

/* The domain's one host is at 127.0.0.1, and there are no TLSA records. */
static err answer_simply(struct world *w, const struct msg_lookup *m, uint32_t tag)
{
	char room[500];
	struct buf records = BUF_ON(room);
	struct address a;
	if (m->type == DNS_MX) {
		struct msg_mx mx = { .preference = 10, .host = S("mx.remote.test") };
		check_err("mx", msg_add_mx(&records, &w->scratch, &mx), ERR_NONE);
	} else if (m->type == DNS_A) {
		check_err("address", address_parse(S("127.0.0.1"), &a), ERR_NONE);
		struct msg_address address = { .bytes = str_from((char *)a.bytes, 16) };
		check_err("address", msg_add_address(&records, &w->scratch, &address), ERR_NONE);
	}
	return say_answer(w, m, tag, records.n > 0 ? DNS_FOUND : DNS_NO_DATA, buf_str(&records));
}

/* ---- all of it ---- */

static void turn(struct world *w, int milliseconds, bool (*until)(const struct world *w))
{
	for (int i = 0; i < milliseconds / 5 && (until == NULL || !until(w)); i++) {
		fake_service_turn(&w->fake, 5);
		resolver_hears(w);
		queue_hears(w);
	}
}

static inline bool job_ended(const struct world *w) { return w->ended || w->returned; }

static void connect_queue(struct world *w)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	channel_close(&w->queue);
	w->queue = channel_of(ends[0], &w->queue_in, &w->queue_out);
	sender_channel(&w->fake.service, S("queue"), 0, 0, ends[1]);
}

/* What a sender has lives as long as its process, but here one after the other stands in the same place: what each had is
 * remembered, so that none of it counts as lost. */
static void remember(const struct sender *sender)
{
	static struct sender all[100]
		__attribute__((used)); /* a compiler may not take what is never read for nothing */
	static size_t count;
	assert_true(count < COUNT(all));
	all[count++] = *sender;
}

/* What else it is given before it starts; or NULL. */
static void (*before_start)(struct service *s);

static void world_open(struct world *w, const char *const *settings)
{
	char line[100];
	int ends[2];
	memset(w, 0, sizeof *w);
	w->answer = answer_simply;
	w->queue.fd = -1;
	server_listen(&w->server);
	struct service *s = fake_service_start(&w->fake);
	sender_prepare(s);
	w->sender = s->state;
	fake_service_set(&w->fake, "server.hostname=us.test");
	fake_service_set(&w->fake, "sender.allow_private_destinations=yes");
	fake_service_set(&w->fake, "sender.command_timeout=2");
	fake_service_set(&w->fake, "sender.greeting_timeout=2");
	fake_service_set(&w->fake, "sender.end_timeout=2");
	fake_service_set(&w->fake, "sender.linger=0");
	fake_service_set(&w->fake, "sender.connections=30"); /* so few that each place counts */
	snprintf(line, sizeof line, "sender.smtp_port=%u", (unsigned)w->server.port);
	fake_service_set(&w->fake, line);
	for (; settings != NULL && *settings != NULL; settings++)
		fake_service_set(&w->fake, *settings);
	check_err("pair", channel_pair(ends), ERR_NONE);
	w->resolver = channel_of(ends[0], &w->resolver_in, &w->resolver_out);
	sender_channel(s, S("resolver"), 0, 0, ends[1]);
	connect_queue(w);
	if (before_start != NULL)
		before_start(s);
	check_err("start", sender_start(s), ERR_NONE);
}

static void world_close(struct world *w)
{
	sender_retire(&w->fake.service);
	turn(w, 100, NULL);
	close(w->server.listener);
	channel_close(&w->queue);
	channel_close(&w->resolver);
	tls_server_free(&w->server.tls);
	remember(w->sender);
	fake_service_end(&w->fake);
}
