/* SPDX-License-Identifier: Apache-2.0 */
/* The process that finds or asks for the mailbox process of an account and lets in only who `directory` vouched for. */
#pragma once
#include "ipc/peer.h"
#include "role/mailroom/rooms.h"
#include "role/mailroom/tickets.h"

#define CONVERSATION "ipc/greeter_mailroom.def"
#include "ipc/conversation.h"

enum { GREETERS_MAX = 8 };

struct mailroom {
	struct service *service;
	struct tickets tickets;
	struct rooms rooms;
	struct peer directory, queue, supervisor, greeters[GREETERS_MAX];
	struct frame directory_frame; /* read while a greeter's frame is being worked on */
	size_t next_greeter;
};

/* A session with a good ticket goes to its mailbox process, now or when that has started. Owns m->stream. */
void mailroom_admit(
	struct mailroom *m, struct peer *greeter, const struct ticket *ticket, const struct msg_enter *enter);
/* Tells the greeter that a session was not let in; gives the stream back, or closes it where the greeter has gone. */
void mailroom_turn_away(struct peer *greeter, str tag, bool forged, str reason, int stream);
/* Mail waits for the account, or a session: there is to be a process. */
void mailroom_wake(struct mailroom *m, uint64_t account);
void mailroom_evict(struct mailroom *m, uint64_t account);
/* The supervisor's answers: a process runs and this is its channel (owned), or it cannot be started. */
void mailroom_room_opened(struct mailroom *m, uint64_t account, int fd);
void mailroom_room_failed(struct mailroom *m, uint64_t account, str reason);
