/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that keeps the account: syncs what was committed less than a second later, tells the queue what it may
 * forget and the directory how much is used, moves the log, sweeps. */
#include "role/mailbox/keeper.h"

#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "os/clock.h"
#include "os/fd.h"
#include "os/random.h"

#define CONVERSATION "ipc/mailbox_directory.def"
#include "ipc/conversation.h"

enum {
	/* Not all at the same moment, where one message came for many: the queue's commits would have to wait for them. */
	SYNC_SOONEST_MS = 400,
	SYNC_SPREAD_MS = 500,
	SLIM_AFTER_MS = 2000,
	DELIVERY_NICE = 10,
	STACK_BYTES = 256 << 10,
	TAKEN_DAYS = 35,     /* longer than anything waits in a queue */
	FORGET_ONE_IN = 256, /* syncs: how often old deliveries' names, and old expunges, are looked for */
};

struct keeper *keeper_new(struct mailbox *m)
{
	struct arena *arena = m->service->arena;
	struct keeper *k = NEW(arena, struct keeper, 1);
	*k = (struct keeper){
		.mailbox = m,
		.arena = arena,
		.new_queue = -1,
		.new_directory = -1,
		.queue.fd = -1,
		.directory.fd = -1,
		.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.batch = NEW(arena, struct batch, 1),
	};
	pthread_mutex_init(&k->lock, NULL);
	return k;
}

void keeper_connect(struct keeper *k, bool is_queue, int fd)
{
	pthread_mutex_lock(&k->lock);
	int *place = is_queue ? &k->new_queue : &k->new_directory;
	fd_close(place);
	*place = fd;
	pthread_mutex_unlock(&k->lock);
	eventfd_write(k->wake_fd, 1);
}

void keeper_wake(struct keeper *k)
{
	atomic_store(&k->wants_mail, true);
	atomic_store(&k->is_busy, true);
	eventfd_write(k->wake_fd, 1);
}

void keeper_poke(struct keeper *k)
{
	if (!atomic_load(&k->will_slim))
		eventfd_write(k->wake_fd, 1);
}

bool keeper_is_busy(struct keeper *k)
{
	struct account *a = k->mailbox->account;
	return atomic_load(&k->is_busy) || (a != NULL && account_is_dirty(a));
}

static err on_limits(struct keeper *k, const struct msg_limits *l, uint32_t tag)
{
	(void)tag;
	atomic_store(&k->mailbox->bytes_max, l->bytes_max);
	atomic_store(&k->mailbox->spooled, l->spooled);
	return OK;
}

#define CONVERSATION "ipc/mailbox_directory.def"
#define HEAR directory_hear
#define HEAR_PEER struct keeper
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static void listen_to_directory(struct keeper *k)
{
	static struct hear_counts heard; /* there is one keeper */
	for (;;) {
		err e = channel_receive(&k->directory);
		if (e.code == ERR_AGAIN)
			return;
		if (!failed(e))
			e = directory_hear(k, &heard, k->directory.in);
		if (!failed(e))
			continue;
		if (e.code != ERR_CLOSED)
			LOG(&k->mailbox->service->log, channel_broken, F_TEXT("peer", S("directory")), F_ERR(e));
		channel_close(&k->directory);
		return;
	}
}

/* How much is used, where that has changed. What does not get through is said after the next change. */
static void report_usage(struct keeper *k)
{
	struct msg_usage usage = { .damaged = atomic_load(&k->mailbox->is_damaged) };
	if (k->mailbox->account != NULL)
		account_usage(k->mailbox->account, &usage.bytes, &usage.messages);
	bool is_told = k->has_told && k->told_bytes == usage.bytes && k->told_messages == usage.messages &&
		       k->told_damaged == usage.damaged;
	if (is_told || k->directory.fd < 0 || failed(msg_send_usage(&k->directory, 0, &usage)))
		return;
	k->has_told = true;
	k->told_bytes = usage.bytes;
	k->told_messages = usage.messages;
	k->told_damaged = usage.damaged;
}

static void take_channels(struct keeper *k)
{
	pthread_mutex_lock(&k->lock);
	int queue = k->new_queue, directory = k->new_directory;
	k->new_queue = k->new_directory = -1;
	pthread_mutex_unlock(&k->lock);
	if (queue >= 0) {
		deliver_hang_up(k);
		k->queue = channel_of(queue, &k->desk->in, &k->desk->out);
		atomic_store(&k->wants_mail, true);
	}
	if (directory >= 0) {
		channel_close(&k->directory);
		k->directory = channel_of(directory, &k->desk->in, &k->desk->out);
		k->has_told = false;
		report_usage(k);
	}
}

err keeper_sync(struct keeper *k)
{
	struct account *a = k->mailbox->account;
	k->sync_at = 0;
	if (a == NULL)
		return OK;
	err e = account_sync(a);
	if (!failed(e)) {
		deliver_tell(k);
		e = account_tidy(a);
	}
	if (!failed(e) && random_below(FORGET_ONE_IN) == 0)
		e = account_forget_taken(a, clock_utc_seconds() - (int64_t)TAKEN_DAYS * 86400);
	if (!failed(e) && random_below(FORGET_ONE_IN) == 0)
		e = account_forget_expunges(a, ACCOUNT_EXPUNGES);
	if (failed(e) && e.code != ERR_DISK_FULL && e.code != ERR_MEMORY)
		mailbox_store_failed(k->mailbox, e);
	report_usage(k);
	return e;
}

static void sync_if_due(struct keeper *k)
{
	struct account *a = k->mailbox->account;
	bool is_dirty = a != NULL && account_is_dirty(a);
	int64_t now = clock_ms();
	if (is_dirty && k->sync_at == 0)
		k->sync_at = now + SYNC_SOONEST_MS + (int64_t)random_below(SYNC_SPREAD_MS);
	if (k->sync_at != 0 && now >= k->sync_at)
		IGNORE(keeper_sync(k)); /* it has been reported */
	/* Stored twice, or before a sync that a client asked for: safe, but not told. */
	else if (!is_dirty && k->untold_count > 0)
		IGNORE(keeper_sync(k));
	atomic_store(&k->is_busy, k->batch->count > 0 || k->untold_count > 0 || atomic_load(&k->wants_mail));
}

/* A while after the last thing that happened, if nobody is here, what was kept for speed is given back. */
static void slim_if_due(struct keeper *k, bool has_happened)
{
	int64_t now = clock_ms();
	if (has_happened) {
		k->slim_at = now + SLIM_AFTER_MS;
		atomic_store(&k->will_slim, true);
	}
	if (k->slim_at == 0 || now < k->slim_at)
		return;
	k->slim_at = 0;
	atomic_store(&k->will_slim, false); /* whoever leaves from now on says so */
	int64_t left_at = mailbox_left_at(k->mailbox);
	if (k->mailbox->account == NULL || left_at == MAILBOX_IN_USE)
		return;
	if (now < left_at + SLIM_AFTER_MS) {
		k->slim_at = left_at + SLIM_AFTER_MS;
		atomic_store(&k->will_slim, true);
		return;
	}
	account_slim(k->mailbox->account);
	malloc_trim(0);
}

static int time_left(const struct keeper *k)
{
	int64_t at = k->slim_at;
	if (k->sync_at != 0 && (at == 0 || k->sync_at < at))
		at = k->sync_at;
	if (at == 0)
		return -1;
	int64_t left = at - clock_ms();
	return left > 0 ? (int)left : 0;
}

static void drain(int fd)
{
	eventfd_t count;
	eventfd_read(fd, &count);
}

/* Whoever reads mail, and whoever waits for a 250, comes before what is safe in the queue. Of this thread alone: 0 is the
 * one that calls. Where it cannot be had, it is delivered with the others. */
static void come_after_the_others(void)
{
	errno = 0;
	int now = getpriority(PRIO_PROCESS, 0);
	if (now == -1 && errno != 0)
		return;
	(void)setpriority(PRIO_PROCESS, 0, now + DELIVERY_NICE);
}

static void *keep(void *to)
{
	struct keeper *k = to;
	struct account *a = k->mailbox->account;
	k->desk = desk_take();
	come_after_the_others();
	slim_if_due(k, true);
	while (!atomic_load(&k->must_stop)) {
		take_channels(k);
		deliver_ask(k);
		struct pollfd polls[] = {
			{ .fd = k->wake_fd, .events = POLLIN },
			{ .fd = k->queue.fd, .events = POLLIN },
			{ .fd = k->directory.fd, .events = POLLIN },
			{ .fd = a != NULL ? account_dirty_fd(a) : -1, .events = POLLIN },
		};
		int events = poll(polls, sizeof polls / sizeof *polls, time_left(k));
		if (events < 0)
			continue; /* interrupted */
		if (polls[0].revents != 0)
			drain(k->wake_fd);
		if (polls[1].revents != 0)
			deliver_listen(k);
		if (polls[2].revents != 0)
			listen_to_directory(k);
		if (polls[3].revents != 0)
			drain(account_dirty_fd(a));
		sync_if_due(k);
		slim_if_due(k, events > 0);
	}
	if (k->sync_at != 0 || k->untold_count > 0)
		IGNORE(keeper_sync(k)); /* it has been reported */
	report_usage(k);
	deliver_hang_up(k);
	channel_close(&k->directory);
	desk_give(&k->desk);
	return NULL;
}

err keeper_run(struct keeper *k)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	k->runs = pthread_create(&k->thread, &attributes, keep, k) == 0;
	pthread_attr_destroy(&attributes);
	return k->runs ? OK : FAIL(SYSTEM);
}

void keeper_stop(struct keeper **keeper)
{
	struct keeper *k = *keeper;
	if (k == NULL)
		return;
	atomic_store(&k->must_stop, true);
	eventfd_write(k->wake_fd, 1);
	if (k->runs)
		pthread_join(k->thread, NULL);
	fd_close(&k->wake_fd);
	pthread_mutex_destroy(&k->lock);
	*keeper = NULL;
}
