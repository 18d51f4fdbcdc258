/* SPDX-License-Identifier: Apache-2.0 */
/* How the role begins and ends, and who talks to it. */
#include "role/queue/own.h"

#include <malloc.h>
#include <unistd.h>

#include "os/random.h"
#include "role/queue/intake.h"
#include "role/queue/role.h"

enum { ARENA_BUDGET = 4 << 20, KEPT_SHARE = 4 };

void queue_check_retired(struct queue *q)
{
	if (q->retiring && q->sessions == NULL)
		service_finish(q->service);
}

static const struct peer_kind mailroom_kind = { .name = "mailroom" };

static struct queue *queue_of(struct service *s)
{
	if (s->state != NULL)
		return s->state;
	struct arena *a = arena_new("queue", ARENA_BUDGET);
	struct queue *q = NEW(a, struct queue, 1);
	*q = (struct queue){ .service = s, .arena = a, .scratch = NEW(a, struct frame, 1) };
	q->directory_frame = NEW(a, struct frame, 1);
	peer_init(&q->directory, s, &directory_kind, q);
	q->directory.channel.in = q->directory_frame;
	peer_init(&q->filter, s, &filter_kind, q);
	peer_init(&q->mailroom, s, &mailroom_kind, q);
	peer_init(&q->control, s, &control_kind, q);
	q->remote = remote_new(q);
	peer_init(&q->sender, s, &sender_kind, q->remote);
	random_bytes(&q->key, sizeof q->key);
	s->state = q;
	return q;
}

/* Where it fails the peer finds its end closed. */
static void connect(struct peer *p, int fd) { IGNORE(peer_open(p, fd)); }

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct queue *q = queue_of(s);
	(void)pid;
	if (str_eq(peer, S("mailbox")) && account > 0)
		mailbox_attach(q, (uint32_t)account, fd);
	else if (str_starts(peer, S("receiver")))
		receiver_add(q, fd);
	else if (str_eq(peer, S("directory")))
		connect(&q->directory, fd);
	else if (str_eq(peer, S("filter")))
		connect(&q->filter, fd);
	else if (str_eq(peer, S("mailroom")))
		connect(&q->mailroom, fd);
	else if (str_eq(peer, S("sender")))
		sender_attach(q, fd);
	else if (str_eq(peer, S("control")))
		connect(&q->control, fd);
	else
		close(fd);
}

static void prepare(struct service *s)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN); /* from here on it could not be asked */
	queue_of(s)->turns.processors = processors > 0 ? (size_t)processors : 0;
}

static err start(struct service *s)
{
	struct queue *q = queue_of(s);
	size_t memory = (size_t)s->conf->queue.memory_max;
	/* What the writer's thread has read the loop frees: in one heap, so that it is there for both. */
	mallopt(M_ARENA_MAX, 1);
	q->pool.kept_max = memory / KEPT_SHARE;
	q->pool.coming_max = memory - q->pool.kept_max;
	q->disk.looked = INT64_MIN;
	struct writer_news news = { accounts_waiting, accounts_renewed, remote_renewed, q };
	err e = writer_start(s->loop, &s->log, &news, &q->writer);
	if (failed(e))
		LOG(&s->log, store_failed, F_TEXT("store", S("spool/queue.db")), F_ERR(e));
	else
		remote_start(q);
	return e;
}

static void retire(struct service *s)
{
	struct queue *q = queue_of(s);
	q->retiring = true;
	queue_check_retired(q);
}

static void stop(struct service *s)
{
	struct queue *q = queue_of(s);
	q->stopping = true;
	writer_stop(&q->writer);
	commands_stop(q);
	receivers_stop(q);
	envelopes_stop(q);
	judge_forget(q);
	turns_stop(q);
	accounts_stop(q);
	remote_stop(q);
	own_stop(q);
	peer_close(&q->sender);
	peer_close(&q->directory);
	peer_close(&q->filter);
	peer_close(&q->mailroom);
	peer_close(&q->control);
	struct arena *a = q->arena;
	s->state = NULL;
	arena_free(&a);
}

const struct role role_queue = {
	.name = "queue",
	.prepare = prepare,
	.channel = channel,
	.start = start,
	.retire = retire,
	.stop = stop,
};
