/* SPDX-License-Identifier: Apache-2.0 */
/* The neighbours of a sender, as the test plays them: what they were told, and what they answer. */
#pragma once
#include "fake_service.h"
#include "os/fd.h"
#include "role/sender/sender.h"
#include "sender_server.h"

#define CONVERSATION "ipc/queue_sender.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/sender_ledger.def"
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
	struct channel queue, resolver, ledger;
	struct frame queue_in, queue_out, resolver_in, resolver_out, ledger_in, ledger_out, scratch;
	struct server server;
	/* what the queue was told */
	struct shown shown[TARGETS_SHOWN];
	bool ended, returned;
	unsigned destination_state, destinations_told, results;
	unsigned causes[CAUSES]; /* of all outcomes */
	uint64_t credit, last_job;
	/* the DNS */
	err (*answer)(struct world *w, const struct msg_lookup *m, uint32_t tag);
	unsigned questions;
	/* What the ledger says when it is asked for a policy. */
	void (*policy)(struct world *w, const struct msg_sts_ask *m, uint32_t tag);
	unsigned tls_results[TLS_RESULT_TYPES]; /* that it was told, of each type */
} world;

/* ---- the queue ---- */

static void note_outcomes(struct world *w, str records)
{
	struct msg_outcome m;
	err e = OK;
	while (msg_next_outcome(&records, &w->scratch, &m, &e)) {
		struct shown *s = &w->shown[m.recipient % TARGETS_SHOWN];
		w->causes[m.cause % CAUSES]++;
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
	err e;
	while ((e = msg_send_lookup_done(&w->resolver, tag, &done)).code == ERR_BUSY)
		fake_service_turn(&w->fake, 1); /* until it has read some */
	return e;
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

/* ---- the policies ---- */

static void tell_none(struct world *w, const struct msg_sts_ask *m, uint32_t tag)
{
	const struct msg_sts_policy none = { .id = S(""), .patterns = S(""), .reason = S("") };
	(void)m;
	check_err("policy", msg_send_sts_policy(&w->ledger, tag, &none), ERR_NONE);
}

static void ledger_hears(struct world *w)
{
	while (w->ledger.fd >= 0 && !failed(channel_receive(&w->ledger))) {
		struct msg_sts_ask ask;
		struct msg_tls_result result;
		const uint32_t tag = w->ledger.in->tag;
		if (w->ledger.in->number == MSG_sts_ask && !failed(msg_get_sts_ask(w->ledger.in, &ask)))
			w->policy(w, &ask, tag);
		else if (w->ledger.in->number == MSG_tls_result && !failed(msg_get_tls_result(w->ledger.in, &result)))
			w->tls_results[result.type % TLS_RESULT_TYPES] += (unsigned)result.count;
		else
			fail_msg("the ledger was told what it cannot read");
	}
}
