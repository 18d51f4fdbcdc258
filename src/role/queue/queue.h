/* SPDX-License-Identifier: Apache-2.0 */
/* The queue: what a message is between its envelope and its last delivery, and what the parts of the role ask of each
 * other. All of it belongs to the main loop; only jobs (writer.h) are run elsewhere.
 *
 *     envelope.c  directory says what may come         intake.h   a receiver's session brings it
 *     judge.c     filter is asked                      store.c    it is written, the session is answered
 *     account.c   what waits for whom                  mailbox.c  a mailbox process fetches it in its turn (turns.h)
 *     wake.c      mailroom starts mailbox processes    admin.c    siegel queue
 *     remote.h    what goes to other servers           forward.h  what is forwarded, and own.h what not */
#pragma once
#include "base/hash.h"
#include "ipc/peer.h"
#include "role/queue/body.h"
#include "role/queue/turns.h"
#include "role/queue/writer.h"

#define CONVERSATION "ipc/opener_server.def"
#include "ipc/conversation.h"

enum {
	ENVELOPE_BUCKETS = 4096,
	DELIVERY_BUCKETS = 16384,
	ACCOUNT_BUCKETS = 4096,
	DELIVERIES_MAX = 131072, /* held in memory; the rest waits in the store */
};

struct queue;
struct session;
struct account;

/* One recipient's share of a message in memory. */
enum delivery_state { DELIVERY_WAITING, DELIVERY_OUT, DELIVERY_GONE };
struct delivery {
	struct job job; /* removes or defers it */
	struct message *message;
	struct account *account;
	struct delivery *same_bucket, *next, *before;
	enum delivery_state state;
	unsigned position, attempts;
	int64_t due;
	str address, detail, reason, orcpt;
	bool is_awaited; /* the sender asked to be told when the mailbox has it */
};
struct delivery_list {
	struct delivery *first, *last;
	size_t count;
};

struct message {
	struct job job; /* stores it */
	struct queue *q;
	struct arena *arena;
	struct session *session;  /* waits for the answer; NULL: it has gone */
	int answer_to;            /* the session's end once more, for the writer; -1: there is none */
	bool is_answered;         /* by the writer */
	str session_name, client; /* who brought it, for the log */
	struct spool_message row;
	struct body body;
	struct spool_recipient *recipients;
	size_t count, room;
	struct delivery *deliveries; /* of those recipients that are ours and in memory */
	size_t held, unsent;         /* deliveries in memory; those of them that still need the body */
	bool stored;
	/* the envelope */
	struct message *same_bucket, *younger, *older;
	uint64_t size_max, inner_max; /* inner_max: of what leaves; 0: no bound */
	int64_t since;
	bool complete, from_gateway, has_forwards, has_returned, leaves, is_asked;
	struct message *next_asked; /* of the filter; not is_asked: it waits among them for room in the channel */
	uint32_t tag;
	str report; /* why, if it says that another message was not delivered, for good; otherwise absent */
};

struct queue {
	struct service *service;
	struct arena *arena;
	struct hash_key key;
	struct writer *writer;
	struct frame *scratch;         /* for records */
	struct frame *directory_frame; /* read while another channel's frame is being worked on */
	struct peer directory, filter, mailroom, control, sender;
	struct remote *remote;
	struct own *own, *own_coming; /* own.h */
	struct receiver *receivers;
	struct session *sessions;
	struct command *commands;
	size_t sessions_count, incoming; /* sessions; those of them with a message on its way */
	bool retiring, stopping;
	/* envelope.c */
	struct message *envelopes[ENVELOPE_BUCKETS], *oldest, *youngest;
	size_t envelopes_count;
	struct loop_timer envelopes_timer;
	/* judge.c */
	struct message *asked;
	uint32_t last_tag, unasked; /* how many wait for room */
	struct loop_timer asked_timer;
	/* account.c */
	struct account *accounts[ACCOUNT_BUCKETS];
	struct delivery *deliveries[DELIVERY_BUCKETS];
	size_t deliveries_count;
	struct turns turns;
	/* wake.c */
	int64_t wakes_since;
	unsigned wakes;
	struct body_pool pool;
	struct disk {
		int64_t looked;
		bool full;
	} disk;
};

/* ---- queue.c ---- */
void queue_check_retired(struct queue *q);

/* ---- messages (envelope.c) ---- */

struct message *message_new(struct queue *q);
struct message *message_of_row(struct queue *q, const struct spool_message *row); /* stored already; without its body */
/* Forgets it, with its body; a file that was never committed is removed. Accepts NULL behind the pointer. */
void message_free(struct message **m);
/* The number in hexadecimal digits, for logs and answers. */
enum { NUMBER_TEXT = 2 * SPOOL_NUMBER };
str message_name(const struct message *m, char room[NUMBER_TEXT]);

extern const struct peer_kind directory_kind;
/* Entries about the message name it and the session that brought it. room lives as long as the log. */
struct log message_log(const struct message *m, char room[NUMBER_TEXT]);
void message_damaged(const struct message *m); /* says that its body is not the one that came in; the caller holds it */
/* Begins the body: Return-Path for mailboxes of ours (RFC 5321 4.4), then the trace fields. Errors of body_add(). */
err message_begin(struct message *m, str trace);

/* Takes the envelope of that number out, once. NULL: there is none, although everything that directory had said by now was
 * heard. */
struct message *envelope_take(struct queue *q, str number);
void envelopes_stop(struct queue *q);

/* The answer to a client. */
struct answer {
	unsigned code;
	str status, reason;
};

/* ---- judge.c ---- */

extern const struct peer_kind filter_kind;
/* Asks the filter, then stores or refuses. Owns the message. */
void judge(struct message *m);
/* The filter has gone: who waits for it is answered with 451. */
void judge_forget(struct queue *q);

/* ---- store.c ---- */

/* Writes the message, answers the session, offers it for delivery. Owns the message. */
void store(struct message *m);
/* Answers, logs and forgets a message that is not taken. */
void refuse(struct message *m, const struct answer *a);
/* Looks whether there is room, at most once a second. */
bool disk_is_full(struct queue *q);
void disk_note(struct queue *q, err e);

/* ---- account.c ---- */

/* Offers a message just stored: keeps what there is room for in memory. Owns the message. */
void deliveries_add(struct message *m);
void accounts_stop(struct queue *q);
/* writer_news */
void accounts_waiting(void *queue, uint32_t account);
void accounts_renewed(void *queue);

/* An administrator changed what waits for it. */
void account_changed(struct queue *q, uint32_t account);
/* Nobody needs its body for one recipient more; and one holds it less. */
void message_unneeded(struct message *m);
void message_release(struct message *m);

/* ---- remote.c, carrier.c ---- */

struct remote *remote_new(struct queue *q);
void remote_start(struct queue *q);
void remote_stop(struct queue *q);
/* Of a message just stored, which the caller holds: its recipients elsewhere. kept: its body is in memory or a file. */
void remote_add(struct message *m, bool kept);
/* The store was opened anew, or has more in it than before (writer_news). */
void remote_renewed(void *queue);
/* An administrator changed what waits for a domain; goes: it is to be tried now. Then, once, remote_go_on(). */
void remote_changed(struct queue *q, str domain, bool goes);
void remote_go_on(struct queue *q);
/* What is held of an account goes on. */
void remote_release(struct queue *q, uint32_t account);
extern const struct peer_kind sender_kind;
void sender_attach(struct queue *q, int fd);

/* ---- mailbox.c ---- */

void mailbox_attach(struct queue *q, uint32_t account, int fd);

/* ---- admin.c ---- */

extern const struct peer_kind control_kind;
void commands_stop(struct queue *q);
