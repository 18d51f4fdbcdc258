/* SPDX-License-Identifier: Apache-2.0 */
/* How the role begins and ends, and who talks to it. */
#include "role/queue/queue.h"

#include <unistd.h>

#include "os/random.h"
#include "role/queue/role.h"

enum { ARENA_BUDGET = 4 << 20, KEPT_SHARE = 4 };

err link_open(struct link *l, struct queue *q, int fd, loop_fn *fn, void *ctx)
{
	link_close(l);
	*l = (struct link){ .q = q, .channel = channel_of(fd, q->service->in, q->service->out), .watch.fd = -1 };
	err e = loop_add(q->service->loop, &l->watch, fd, EPOLLIN, fn, ctx);
	if (failed(e))
		link_close(l);
	return e;
}

void link_close(struct link *l)
{
	if (l->q == NULL || l->channel.fd < 0)
		return;
	loop_remove(l->q->service->loop, &l->watch);
	channel_close(&l->channel);
}

void link_complain(struct link *l, const char *peer, err e)
{
	if (e.code != ERR_CLOSED)
		LOG(&l->q->service->log, channel_broken, F_TEXT("peer", str_of(peer)), F_ERR(e));
}

void queue_check_retired(struct queue *q)
{
	if (q->retiring && q->sessions == NULL)
		service_finish(q->service);
}

static struct queue *queue_of(struct service *s)
{
	if (s->state != NULL)
		return s->state;
	struct arena *a = arena_new("queue", ARENA_BUDGET);
	struct queue *q = NEW(a, struct queue, 1);
	*q = (struct queue){ .service = s, .arena = a, .scratch = NEW(a, struct frame, 1) };
	q->directory_frame = NEW(a, struct frame, 1);
	q->directory.channel.fd = q->filter.channel.fd = q->mailroom.channel.fd = q->control.channel.fd = -1;
	random_bytes(&q->key, sizeof q->key);
	s->state = q;
	return q;
}

static void on_mailroom(void *to, uint32_t events)
{
	struct link *l = to;
	(void)events;
	err e = channel_receive(&l->channel);
	if (e.code == ERR_AGAIN)
		return;
	/* It has nothing to say. */
	if (!failed(e)) {
		frame_drop(l->channel.in);
		e = FAIL(SYNTAX);
	}
	link_complain(l, "mailroom", e);
	link_close(l);
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct queue *q = queue_of(s);
	(void)pid;
	if (str_eq(peer, S("mailbox")) && account > 0)
		mailbox_attach(q, (uint32_t)account, fd);
	else if (str_starts(peer, S("receiver")))
		receiver_add(q, fd);
	else if (str_eq(peer, S("directory")))
		directory_attach(q, fd);
	else if (str_eq(peer, S("filter")))
		IGNORE(link_open(&q->filter, q, fd, filter_on, &q->filter));
	else if (str_eq(peer, S("mailroom")))
		IGNORE(link_open(&q->mailroom, q, fd, on_mailroom, &q->mailroom));
	else if (str_eq(peer, S("control")))
		IGNORE(link_open(&q->control, q, fd, control_on, &q->control));
	else
		close(fd);
}

static err start(struct service *s)
{
	struct queue *q = queue_of(s);
	size_t memory = (size_t)s->conf->queue.memory_max;
	q->pool.kept_max = memory / KEPT_SHARE;
	q->pool.coming_max = memory - q->pool.kept_max;
	q->disk.looked = INT64_MIN;
	struct writer_news news = { accounts_waiting, accounts_renewed, q };
	err e = writer_start(s->loop, &s->log, &news, &q->writer);
	if (failed(e))
		LOG(&s->log, store_failed, F_TEXT("store", S("spool/queue.db")), F_ERR(e));
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
	accounts_stop(q);
	link_close(&q->directory);
	link_close(&q->filter);
	link_close(&q->mailroom);
	link_close(&q->control);
	struct arena *a = q->arena;
	s->state = NULL;
	arena_free(&a);
}

const struct role role_queue = {
	.name = "queue",
	.channel = channel,
	.start = start,
	.retire = retire,
	.stop = stop,
};
