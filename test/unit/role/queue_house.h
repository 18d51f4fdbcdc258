/* SPDX-License-Identifier: Apache-2.0 */
/* The queue with all its peers played by a test: its loop runs in a thread, in a folder of its own. */
#pragma once
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "ipc/role.h"
#include "role/queue/role.h"

#define CONVERSATION "ipc/receiver_queue.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/directory_queue.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/queue_filter.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/queue_mailbox.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/queue_mailroom.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/admin.def"
#include "ipc/conversation.h"

enum { PATIENCE_MS = 60000 };

/* An error in a step of a test ends the whole program: it may stand in a child or another thread. */
#define MUST(expr)                                                                                      \
	do {                                                                                            \
		err must_ = (expr);                                                                     \
		if (failed(must_)) {                                                                    \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #expr, err_text(must_)); \
			abort();                                                                        \
		}                                                                                       \
	} while (0)

static struct house {
	struct service service;
	struct conf conf;
	struct arena *arena;
	struct frame frames[2], in, out, scratch;
	pthread_t thread;
	int bell;
	struct loop_watch watch;
	_Atomic bool over;
	/* a channel on its way to the role; or passing is -2, until the loop has come round */
	const char *peer;
	uint32_t account;
	_Atomic int passing;
	unsigned accepted; /* answers with 250 that were heard */
	struct channel directory, receiver, filter, mailroom, control;
	_Atomic unsigned events[LOG_EVENTS];
} house;

/* The directory of the next house has not said yet which domains are ours. */
static bool house_is_untold;

__attribute__((unused)) void service_finish(struct service *s) { (void)s; }

static void house_log(void *to, enum log_event event, const struct log_field *fields)
{
	(void)to;
	house.events[event]++;
	if (getenv("HOUSE_LOG") == NULL)
		return;
	fprintf(stderr, "%s", log_event_name(event));
	for (; fields->kind != LOG_END; fields++)
		fprintf(stderr, " %s=%.*s/%lu", fields->name, ARG(fields->text), fields->number);
	fprintf(stderr, "\n");
}

static void house_bell(void *to, uint32_t events)
{
	uint64_t count;
	(void)to;
	(void)events;
	if (read(house.bell, &count, sizeof count) < 0)
		return;
	if (house.passing >= 0)
		role_queue.channel(&house.service, str_of(house.peer), house.account, 0, house.passing);
	house.passing = -1;
	if (house.over)
		loop_stop(house.service.loop);
}

static void *house_thread(void *to)
{
	(void)to;
	MUST(loop_run(house.service.loop));
	return NULL;
}

static void house_ring(void)
{
	uint64_t one = 1;
	if (write(house.bell, &one, sizeof one) < 0)
		abort();
}

/* A new channel to the role, as its supervisor would make it. */
static struct channel house_channel(const char *peer, uint32_t account)
{
	int ends[2];
	MUST(channel_pair(ends));
	house.peer = peer;
	house.account = account;
	house.passing = ends[1];
	house_ring();
	while (house.passing >= 0)
		usleep(100);
	return channel_waiting(ends[0], PATIENCE_MS, &house.in, &house.out);
}

static struct channel house_session(struct channel *opener)
{
	int ends[2];
	MUST(channel_pair(ends));
	MUST(msg_send_session_open(opener, 0, &(struct msg_session_open){ .end = ends[1] }));
	close(ends[1]);
	return channel_waiting(ends[0], PATIENCE_MS, &house.in, &house.out);
}

/* Starts the role in the current folder. settle() may change the settings. */
static err house_try_open(void (*settle)(struct conf *))
{
	memset(&house, 0, sizeof house);
	house.passing = -1;
	house.arena = arena_new("house", 16 << 20);
	MUST(conf_init(&house.conf, house.arena));
	house.conf.queue.free_min = 0;
	if (settle != NULL)
		settle(&house.conf);
	MUST(loop_new(&house.service.loop));
	house.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	MUST(loop_add(house.service.loop, &house.watch, house.bell, EPOLLIN, house_bell, NULL));
	house.service.role = &role_queue;
	house.service.home = -1;
	house.service.conf = &house.conf;
	house.service.arena = house.arena;
	house.service.in = &house.frames[0];
	house.service.out = &house.frames[1];
	house.service.log = (struct log){ .sink = house_log };
	TRY(role_queue.start(&house.service));
	if (pthread_create(&house.thread, NULL, house_thread, NULL) != 0)
		abort();
	house.directory = house_channel("directory", 0);
	if (!house_is_untold)
		MUST(msg_send_domains(
			&house.directory, 0, &(struct msg_domains){ true, true, false, S("ours.test\n"), 0 }));
	house.receiver = house_channel("receiver-smtp", 0);
	house.filter = house_channel("filter", 0);
	house.mailroom = house_channel("mailroom", 0);
	house.control = house_channel("control", 0);
	return OK;
}

static void house_open(void (*settle)(struct conf *)) { MUST(house_try_open(settle)); }

static void house_close(void)
{
	house.over = true;
	house_ring();
	pthread_join(house.thread, NULL);
	role_queue.stop(&house.service);
	channel_close(&house.directory);
	channel_close(&house.receiver);
	channel_close(&house.filter);
	channel_close(&house.mailroom);
	channel_close(&house.control);
	loop_free(&house.service.loop);
	close(house.bell);
	arena_free(&house.arena);
}

static char house_folder[64];
static int house_enter(void **state)
{
	(void)state;
	snprintf(house_folder, sizeof house_folder, "/tmp/siegel-queue-XXXXXX");
	return mkdtemp(house_folder) != NULL ? chdir(house_folder) : -1;
}

static int house_leave(void **state)
{
	(void)state;
	DIR *d = opendir(".");
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		if (e->d_name[0] != '.')
			unlink(e->d_name);
	closedir(d);
	return chdir("/") == 0 ? rmdir(house_folder) : -1;
}
