/* SPDX-License-Identifier: Apache-2.0 */
/* The process that stands at the door for those who read mail: TLS and bytes. It knows no mail protocol. One loop; there
 * are several such processes, which share the listeners. */
#pragma once
#include "base/tally.h"
#include "ipc/role.h"
#include "os/listeners.h"
#include "role/handshakes.h"

#define CONVERSATION "ipc/frontdoor_greeter.def"
#include "ipc/conversation.h"

enum { BLOCK_BYTES = 16 << 10 };

/* Bytes on their way from one side to the other; the block is lent out while there are any. */
struct block {
	struct block *next;
	size_t at, n;
	char bytes[BLOCK_BYTES];
};

struct frontdoor;

/* A connection with TLS: `outer` is the client's side, `inner` that of the process that serves it, in clear. */
struct guest {
	struct guest *next;
	struct frontdoor *door;
	struct tls *tls;
	struct handshake_wait signature; /* of the handshake */
	int outer, inner;
	struct loop_watch outer_watch, inner_watch;
	struct loop_timer timer;
	struct block *up, *down;   /* towards the inside, towards the client; NULL: nothing on its way */
	bool up_ended, down_ended; /* the sender's side is over */
	bool up_shut, down_shut;   /* and the receiver was told */
	bool outer_ready,
		inner_ready; /* it may have something to read: an event has said so, and no read found nothing since */
	bool counted, greeted, shaken;
	bool limited, told;           /* counts for its address, over all front doors; and `greeter` was told so */
	struct guest *after, *before; /* of those told */
	uint32_t outer_events, inner_events;
	short read_wants, write_wants; /* POLLIN or POLLOUT: what TLS last waited for in that direction */
	struct address address;
	unsigned port;
	uint64_t bytes_up, bytes_down;
	int64_t since;
	char service[33], session[33];
};

/* What is different on the ports. */
struct service_kind {
	const char *name;
	bool with_tls, internal_only;
};

struct frontdoor {
	struct service *service;
	struct handshakes *handshakes;
	struct channel greeter;
	struct hear_counts heard;
	struct loop_watch greeter_watch;
	struct listeners listeners;
	struct tally *tally;
	struct guest *idle_guests;
	struct guest *told;  /* what `greeter` counts of us */
	struct guest *ended; /* and was not told yet to count no longer */
	struct loop_timer tell_again;
	struct block *idle_blocks;
	size_t guests;
	bool retiring;
};

/* guest.c: begins TLS on an accepted socket, which it owns from now on. counted: tally_leave() is due at the end. */
void guest_begin(struct frontdoor *door, int socket, const struct guest *like);
void guest_end(struct guest *g);
/* The structure may be used for another one. */
void guest_give(struct guest *g);
/* Tells `greeter` of a visitor; the descriptors stay the caller's. */
err guest_announce(struct guest *g, int stream);

/* presence.c: what `greeter` counts, which alone sees all front doors. It has been told of the guest; the guest has ended
 * (and is the list's from now on); a greeter has come that knows of none. */
void presence_told(struct guest *g);
void presence_ended(struct guest *g);
void presence_tell_all(struct frontdoor *door);

/* pump.c: moves what can be moved and waits for the rest. May end the guest. */
void guest_pump(struct guest *g);

struct block *block_take(struct frontdoor *door);
void block_give(struct frontdoor *door, struct block **block);

/* door.c: the kind of a listener; NULL: not for us. And what becomes of a connection, see os/listeners.h. */
const struct service_kind *door_kind(str service);
void door_admit(void *to, const void *kind, int fd, const struct sockaddr_storage *from);
/* A name for a connection in the log, unlike any other. */
void session_name(char room[33]);
