/* SPDX-License-Identifier: Apache-2.0 */
/* A sender between a queue, a resolver, a ledger (sender_neighbours.h) and a mail server (sender_server.h) that are all played by
 * the test. */
#pragma once
#include "sender_neighbours.h"

static void turn(struct world *w, int milliseconds, bool (*until)(const struct world *w))
{
	for (int i = 0; i < milliseconds / 5 && (until == NULL || !until(w)); i++) {
		fake_service_turn(&w->fake, 5);
		resolver_hears(w);
		ledger_hears(w);
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

static void connect_ledger(struct world *w)
{
	int ends[2];
	check_err("pair", channel_pair(ends), ERR_NONE);
	channel_close(&w->ledger);
	w->ledger = channel_of(ends[0], &w->ledger_in, &w->ledger_out);
	sender_channel(&w->fake.service, S("ledger"), 0, 0, ends[1]);
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
	w->policy = tell_none;
	w->queue.fd = w->ledger.fd = -1;
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
	connect_ledger(w);
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
	channel_close(&w->ledger);
	tls_server_free(&w->server.tls);
	remember(w->sender);
	fake_service_end(&w->fake);
}
