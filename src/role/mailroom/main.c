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

static err on_vouch(struct mailroom *mailroom, const struct msg_vouch *m, uint32_t tag)
{
	(void)tag;
	return ticket_add(&mailroom->tickets, m->ticket, m->account, m->login, m->session, clock_ms());
}

static err on_evict(struct mailroom *mailroom, const struct msg_evict *m, uint32_t tag)
{
	(void)tag;
	mailroom_evict(mailroom, m->account);
	return OK;
}

#define CONVERSATION "ipc/directory_mailroom.def"
#define HEAR directory_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err on_wake(struct mailroom *mailroom, const struct msg_wake *m, uint32_t tag)
{
	(void)tag;
	mailroom_wake(mailroom, m->account);
	return OK;
}

#define CONVERSATION "ipc/queue_mailroom.def"
#define HEAR queue_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static err on_mailbox_failed(struct mailroom *mailroom, const struct msg_mailbox_failed *m, uint32_t tag)
{
	(void)tag;
	mailroom_room_failed(mailroom, m->account, m->reason);
	return OK;
}

#define CONVERSATION "ipc/mailroom_supervisor.def"
#define HEAR supervisor_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

/* `directory` vouches before it answers the greeter, but on another socket: what it said is read first. */
static const struct ticket *find_ticket(struct mailroom *m, str name)
{
	const struct ticket *t = ticket_take(&m->tickets, name, clock_ms());
	if (t != NULL)
		return t;
	IGNORE(peer_read(&m->directory, TICKETS_MAX)); /* which holds no more anyway */
	return ticket_take(&m->tickets, name, clock_ms());
}

static err on_enter(struct peer *greeter, const struct msg_enter *m, uint32_t tag)
{
	(void)tag;
	struct mailroom *mailroom = greeter->service->state;
	if (m->ticket.n != TICKET_BYTES) {
		mailroom_turn_away(greeter, m->tag, true, S("no ticket"), m->stream);
		return FAIL(SYNTAX);
	}
	const struct ticket *ticket = find_ticket(mailroom, m->ticket);
	if (ticket != NULL) {
		mailroom_admit(mailroom, greeter, ticket, m);
		return OK;
	}
	LOG(&mailroom->service->log, login_forged, F_ADDRESS("client", m->client));
	mailroom_turn_away(greeter, m->tag, true, S("nobody vouched for this session"), m->stream);
	return OK;
}

#define CONVERSATION "ipc/greeter_mailroom.def"
#define HEAR greeter_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static const struct peer_kind directory_kind = { .name = "directory", .hear = directory_hear };
static const struct peer_kind queue_kind = { .name = "queue", .hear = queue_hear };
static const struct peer_kind supervisor_kind = { .name = "supervisor", .hear = supervisor_hear };
static const struct peer_kind greeter_kind = { .name = "greeter", .hear = greeter_hear };

/* During a reload there are two greeters, one of them finishing what it has. */
static struct peer *place_for_greeter(struct mailroom *m)
{
	for (size_t i = 0; i < GREETERS_MAX; i++)
		if (!peer_is_open(&m->greeters[i]))
			return &m->greeters[i];
	return &m->greeters[m->next_greeter++ % GREETERS_MAX];
}

/* Where it fails the peer finds its channel closed, and the supervisor brings another when that has ended. */
static void connect(struct peer *p, int fd) { IGNORE(peer_open(p, fd)); }

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct mailroom *m = s->state;
	(void)pid;
	if (str_eq(peer, S("mailbox")))
		mailroom_room_opened(m, account, fd);
	else if (str_eq(peer, S("directory")))
		connect(&m->directory, fd);
	else if (str_eq(peer, S("queue")))
		connect(&m->queue, fd);
	else if (str_eq(peer, S("supervisor")))
		connect(&m->supervisor, fd);
	else if (str_starts(peer, S("greeter")))
		connect(place_for_greeter(m), fd);
	else
		fd_close(&fd);
}

static void prepare(struct service *s)
{
	static struct mailroom mailroom;
	mailroom.service = s;
	peer_init(&mailroom.directory, s, &directory_kind, &mailroom);
	mailroom.directory.channel.in = &mailroom.directory_frame;
	peer_init(&mailroom.queue, s, &queue_kind, &mailroom);
	peer_init(&mailroom.supervisor, s, &supervisor_kind, &mailroom);
	for (size_t i = 0; i < GREETERS_MAX; i++)
		peer_init(&mailroom.greeters[i], s, &greeter_kind, &mailroom.greeters[i]);
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
