/* SPDX-License-Identifier: Apache-2.0 */
#include "os/clock.h"
#include "os/fd.h"
#include "role/mailroom/mailroom.h"

#define CONVERSATION "ipc/directory_mailroom.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/queue_mailroom.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/mailroom_supervisor.def"
#include "ipc/conversation.h"

static err on_vouch(struct caller *c, const struct msg_vouch *m, uint32_t tag)
{
	(void)tag;
	return ticket_add(&c->mailroom->tickets, m->ticket, m->account, m->login, m->session, clock_ms());
}

static err on_evict(struct caller *c, const struct msg_evict *m, uint32_t tag)
{
	(void)tag;
	mailroom_evict(c->mailroom, m->account);
	return OK;
}

#define CONVERSATION "ipc/directory_mailroom.def"
#define HEAR directory_hear
#define HEAR_PEER struct caller
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err on_wake(struct caller *c, const struct msg_wake *m, uint32_t tag)
{
	(void)tag;
	mailroom_wake(c->mailroom, m->account);
	return OK;
}

#define CONVERSATION "ipc/queue_mailroom.def"
#define HEAR queue_hear
#define HEAR_PEER struct caller
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err on_mailbox_failed(struct caller *c, const struct msg_mailbox_failed *m, uint32_t tag)
{
	(void)tag;
	mailroom_room_failed(c->mailroom, m->account, m->reason);
	return OK;
}

#define CONVERSATION "ipc/mailroom_supervisor.def"
#define HEAR supervisor_hear
#define HEAR_PEER struct caller
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static void receive(struct caller *c, err (*hear)(struct caller *, struct hear_counts *, struct frame *));

static void on_directory(void *to, uint32_t events)
{
	(void)events;
	receive(to, directory_hear);
}

/* `directory` vouches before it answers the greeter, but on another socket: what it said is read first. */
static const struct ticket *find_ticket(struct mailroom *m, str name)
{
	const struct ticket *t = ticket_take(&m->tickets, name, clock_ms());
	if (t != NULL || m->directory.channel.fd < 0)
		return t;
	receive(&m->directory, directory_hear);
	return ticket_take(&m->tickets, name, clock_ms());
}

static err on_enter(struct caller *c, const struct msg_enter *m, uint32_t tag)
{
	(void)tag;
	struct mailroom *mailroom = c->mailroom;
	/* The frame that holds the question is read over by what directory said: what is needed of it is kept. */
	static struct frame kept;
	char name[TICKET_BYTES];
	if (m->ticket.n != TICKET_BYTES) {
		mailroom_turn_away(c, m->tag, true, S("no ticket"), m->stream);
		return FAIL(SYNTAX);
	}
	memcpy(name, m->ticket.p, TICKET_BYTES);
	memcpy(kept.bytes, mailroom->service->in->bytes, mailroom->service->in->n);
	struct msg_enter enter = *m;
	const char *old = (const char *)mailroom->service->in->bytes, *new = (const char *)kept.bytes;
	str *const texts[] = { &enter.protocol, &enter.tag, &enter.unread, &enter.client };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		texts[i]->p = new + (texts[i]->p - old);
	const struct ticket *ticket = find_ticket(mailroom, str_from(name, TICKET_BYTES));
	if (ticket != NULL) {
		mailroom_admit(mailroom, c, ticket, &enter);
		return OK;
	}
	LOG(&mailroom->service->log, login_forged, F_ADDRESS("client", enter.client));
	mailroom_turn_away(c, enter.tag, true, S("nobody vouched for this session"), enter.stream);
	return OK;
}

#define CONVERSATION "ipc/greeter_mailroom.def"
#define HEAR greeter_hear
#define HEAR_PEER struct caller
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void hang_up(struct caller *c)
{
	loop_remove(c->mailroom->service->loop, &c->watch);
	channel_close(&c->channel);
}

/* All that has come. */
static void receive(struct caller *c, err (*hear)(struct caller *, struct hear_counts *, struct frame *))
{
	for (;;) {
		err e = channel_receive(&c->channel);
		if (e.code == ERR_AGAIN)
			return;
		if (!failed(e))
			e = hear(c, &c->heard, c->channel.in);
		if (!failed(e))
			continue;
		if (e.code != ERR_CLOSED)
			LOG(&c->mailroom->service->log, channel_broken, F_ERR(e));
		hang_up(c);
		return;
	}
}

static void on_queue(void *to, uint32_t events)
{
	(void)events;
	receive(to, queue_hear);
}

static void on_supervisor(void *to, uint32_t events)
{
	(void)events;
	receive(to, supervisor_hear);
}

static void on_greeter(void *to, uint32_t events)
{
	(void)events;
	receive(to, greeter_hear);
}

static void listen_to(struct mailroom *m, struct caller *c, int fd, loop_fn *fn)
{
	struct service *s = m->service;
	if (c->mailroom != NULL)
		hang_up(c);
	*c = (struct caller){ .mailroom = m, .channel = channel_of(fd, s->in, s->out), .watch.fd = -1 };
	if (failed(loop_add(s->loop, &c->watch, fd, EPOLLIN, fn, c)))
		channel_close(&c->channel);
}

/* During a reload there are two greeters, one of them finishing what it has. */
static struct caller *place_for_greeter(struct mailroom *m)
{
	for (size_t i = 0; i < GREETERS_MAX; i++)
		if (m->greeters[i].mailroom == NULL || m->greeters[i].channel.fd < 0)
			return &m->greeters[i];
	return &m->greeters[m->next_greeter++ % GREETERS_MAX];
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct mailroom *m = s->state;
	(void)pid;
	if (str_eq(peer, S("mailbox")))
		mailroom_room_opened(m, account, fd);
	else if (str_eq(peer, S("directory")))
		listen_to(m, &m->directory, fd, on_directory);
	else if (str_eq(peer, S("queue")))
		listen_to(m, &m->queue, fd, on_queue);
	else if (str_eq(peer, S("supervisor")))
		listen_to(m, &m->supervisor, fd, on_supervisor);
	else if (str_starts(peer, S("greeter")))
		listen_to(m, place_for_greeter(m), fd, on_greeter);
	else
		fd_close(&fd);
}

static void prepare(struct service *s)
{
	static struct mailroom mailroom;
	mailroom.service = s;
	mailroom.supervisor.channel = channel_of(-1, s->in, s->out);
	mailroom.directory.channel = channel_of(-1, s->in, s->out);
	rooms_init(&mailroom.rooms);
	s->state = &mailroom;
}

static err start(struct service *s)
{
	(void)s;
	return OK;
}

static const struct role role_mailroom = { .name = "mailroom", .prepare = prepare, .channel = channel, .start = start };

int main(int argc, char **argv) { return role_main(&role_mailroom, argc, argv); }
