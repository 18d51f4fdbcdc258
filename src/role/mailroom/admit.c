/* SPDX-License-Identifier: Apache-2.0 */
/* Letting sessions in, and the lives of mailbox processes as seen from here. */
#include "os/fd.h"
#include "role/mailroom/mailroom.h"

#define CONVERSATION "ipc/mailroom_supervisor.def"
#include "ipc/conversation.h"

void mailroom_turn_away(struct peer *greeter, str tag, bool forged, str reason, int stream)
{
	struct msg_not_entered no = { .forged = forged, .tag = tag, .reason = reason, .stream = stream };
	IGNORE(msg_send_not_entered(&greeter->channel, 0, &no)); /* then the client sees its connection end */
	fd_close(&stream);
}

static void ask_for_process(struct mailroom *m, struct room *room)
{
	struct msg_start_mailbox start = { .account = room->account };
	if (room->starting || (peer_is_open(&room->peer) && !room->leaving))
		return;
	/* One that is leaving is waited for: two processes must never have the same account open. */
	if (peer_is_open(&room->peer))
		return;
	if (!failed(msg_send_start_mailbox(&m->supervisor.channel, 0, &start)))
		room->starting = true;
	else
		mailroom_room_failed(m, room->account, S("the mailbox cannot be started at the moment"));
}

static bool send_admit(struct room *room, const struct msg_admit *admit)
{
	if (failed(msg_send_admit(&room->peer.channel, 0, admit)))
		return false;
	room->admitted++;
	return true;
}

static void drop_if_unused(struct mailroom *m, struct room *room)
{
	if (!peer_is_open(&room->peer) && !room->starting && room->first == NULL)
		room_drop(&m->rooms, room);
}

void mailroom_admit(
	struct mailroom *m, struct peer *greeter, const struct ticket *ticket, const struct msg_enter *enter)
{
	struct msg_admit admit = { .protocol = enter->protocol,
		.login = str_from(ticket->login, ticket->login_length),
		.session = str_from(ticket->session, ticket->session_length),
		.client = enter->client,
		.tag = enter->tag,
		.unread = enter->unread,
		.encrypted = enter->encrypted,
		.stream = enter->stream };
	int stream = enter->stream;
	struct room *room = room_get(&m->rooms, ticket->account);
	if (room == NULL) {
		mailroom_turn_away(greeter, enter->tag, false, S("too many mailboxes are open"), stream);
		return;
	}
	if (peer_is_open(&room->peer) && !room->leaving) {
		if (send_admit(room, &admit))
			fd_close(&stream);
		else
			mailroom_turn_away(
				greeter, enter->tag, false, S("the mailbox is busy, please try again"), stream);
		return;
	}
	if (failed(room_wait(room, greeter, &admit))) {
		mailroom_turn_away(greeter, enter->tag, false, S("too many sessions wait for this mailbox"), stream);
		drop_if_unused(m, room);
		return;
	}
	ask_for_process(m, room);
}

void mailroom_wake(struct mailroom *m, uint64_t account)
{
	struct room *room = room_get(&m->rooms, account);
	struct msg_wake_up wake = { .no_more = 0 };
	if (room == NULL)
		return;
	if (peer_is_open(&room->peer) && !room->leaving)
		IGNORE(msg_send_wake_up(&room->peer.channel, 0, &wake)); /* the queue asks again */
	else
		ask_for_process(m, room);
}

void mailroom_evict(struct mailroom *m, uint64_t account)
{
	struct room *room = room_find(&m->rooms, account);
	struct msg_leave leave = { .no_more = 0 };
	tickets_drop(&m->tickets, account);
	if (room == NULL)
		return;
	for (struct waiting *w; (w = room_next_waiting(room)) != NULL;) {
		mailroom_turn_away(w->greeter, w->admit.tag, false, S("this login is no longer good"), w->admit.stream);
		waiting_free(w);
	}
	if (peer_is_open(&room->peer) && failed(msg_send_leave(&room->peer.channel, 0, &leave)))
		peer_close(&room->peer); /* a mailbox process that lost its mailroom ends, and its sessions with it */
}

static err on_idle(struct room *room, const struct msg_idle *m, uint32_t tag)
{
	struct msg_may_go go = { .no_more = 0 };
	(void)tag;
	if (m->admitted != room->admitted || room->leaving)
		return OK;
	room->leaving = true;
	return msg_send_may_go(&room->peer.channel, 0, &go);
}

#define CONVERSATION "ipc/mailroom_mailbox.def"
#define HEAR room_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static void room_closed(void *to)
{
	struct room *room = to;
	struct mailroom *m = room->mailroom;
	room->leaving = false;
	room->admitted = 0;
	if (room->first != NULL)
		ask_for_process(m, room);
	else
		drop_if_unused(m, room);
}

static const struct peer_kind room_kind = { .name = "mailbox", .hear = room_hear, .gone = room_closed };

void mailroom_room_opened(struct mailroom *m, uint64_t account, int fd)
{
	struct room *room = room_get(&m->rooms, account);
	if (room == NULL) {
		fd_close(&fd);
		return;
	}
	if (room->mailroom == NULL)
		peer_init(&room->peer, m->service, &room_kind, room);
	room->mailroom = m;
	room->peer.account = account;
	room->starting = room->leaving = false;
	room->admitted = 0;
	if (failed(peer_open(&room->peer, fd))) {
		room_closed(room);
		return;
	}
	for (struct waiting *w; (w = room_next_waiting(room)) != NULL;) {
		if (send_admit(room, &w->admit))
			fd_close(&w->admit.stream);
		else
			mailroom_turn_away(w->greeter, w->admit.tag, false, S("the mailbox is busy, please try again"),
				w->admit.stream);
		waiting_free(w);
	}
}

void mailroom_room_failed(struct mailroom *m, uint64_t account, str reason)
{
	struct room *room = room_find(&m->rooms, account);
	if (room == NULL)
		return;
	room->starting = false;
	for (struct waiting *w; (w = room_next_waiting(room)) != NULL;) {
		mailroom_turn_away(w->greeter, w->admit.tag, false, reason, w->admit.stream);
		waiting_free(w);
	}
	drop_if_unused(m, room);
}
