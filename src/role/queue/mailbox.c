/* SPDX-License-Identifier: Apache-2.0 */
/* The mailbox process of an account fetches what waits for it. What it was given stays known as out until it says that it
 * has it for good; when it dies before that, it is offered again, and the mailbox knows what it has. */
#include <unistd.h>

#include "os/fd.h"
#include "role/queue/account.h"

#define CONVERSATION "ipc/queue_mailbox.def"
#include "ipc/conversation.h"

enum {
	OUT_MAX = 4096, /* deliveries that one mailbox may have fetched and not yet confirmed */
	OWED_MAX = 64,
	BYTES_MAX = 57344,
};

static void mailbox_lost(void *account)
{
	struct account *a = account;
	peer_close(&a->mailbox);
	a->told = a->fetching = a->blocked = false;
	deliveries_back(a);
	turn_end(a);
}

static err send_delivery(struct account *a, const struct delivery *d, bool last)
{
	const struct message *m = d->message;
	struct msg_deliver deliver = {
		.transaction = str_from((const char *)m->row.number, SPOOL_NUMBER),
		.recipient = d->position,
		.sender = m->row.sender,
		.address = d->address,
		.detail = d->detail,
		.received = (uint64_t)m->row.received,
		.size = m->row.size,
		.spam = (m->row.flags & SPOOL_SPAM) != 0,
		.last = last,
		.file = -1,
	};
	if (!m->body.large && m->body.whole.n <= BYTES_MAX)
		deliver.body = m->body.whole;
	else
		TRY(body_descriptor(&m->body, m->row.number, &deliver.file));
	err e = msg_send_deliver(&a->mailbox.channel, 0, &deliver);
	fd_close(&deliver.file);
	return e;
}

/* When its room is used up the mailbox fetches again, and need not be told to. */
static void note_given(struct account *a, bool last)
{
	a->owed--;
	a->given = !last;
	if (a->owed == 0 || (last && !a->waits)) {
		a->fetching = false;
		a->told = true;
	}
}

/* A delivery that cannot even be sent must not stop those behind it. */
static err give(struct account *a, struct delivery *d)
{
	struct queue *q = a->q;
	bool last = a->owed == 1 || a->waiting.count == 1 || a->out.count + 1 == OUT_MAX;
	err e = send_delivery(a, d, last);
	if (e.code == ERR_BUSY || e.code == ERR_CLOSED)
		return e;
	if (!failed(e)) {
		note_given(a, last);
		delivery_out(d);
		return OK;
	}
	if (e.code == ERR_ABSENT)
		LOG(&q->service->log, store_damaged, F_TEXT("store", S("spool")),
			F_TEXT("reason", S("the file of a message is missing")));
	else
		LOG(&q->service->log, store_failed, F_TEXT("store", S("spool")), F_ERR(e));
	delivery_defer(d, S("it could not be read from the spool"));
	return OK;
}

static err answer_fetch(struct account *a)
{
	while (a->fetching && a->owed > 0 && a->waiting.first != NULL && a->out.count < OUT_MAX) {
		if (!turn_take(a))
			return OK;
		TRY(give(a, a->waiting.first));
	}
	if (!a->fetching)
		return OK;
	bool may_have_more = account_has_mail(a) && a->out.count < OUT_MAX;
	bool later = false;
	if (a->owed > 0 && may_have_more) {
		if (account_load(a))
			return OK;
		later = true;
	}
	if (!a->waits || a->given) {
		struct msg_fetched end = { .more = may_have_more && !later };
		TRY(msg_send_fetched(&a->mailbox.channel, 0, &end));
		a->fetching = false;
		a->told = may_have_more;
	}
	if (later)
		account_later(a);
	return OK;
}

static err speak(struct account *a)
{
	if (a->fetching && !a->loading)
		TRY(answer_fetch(a));
	if (a->fetching || a->told || !account_has_mail(a) || a->out.count >= OUT_MAX)
		return OK;
	TRY(msg_send_mail_waiting(&a->mailbox.channel, 0, &(struct msg_mail_waiting){ 0 }));
	a->told = true;
	return OK;
}

void account_pump(struct account *a)
{
	if (a->q->stopping || a->blocked)
		return;
	err e = peer_is_open(&a->mailbox) ? speak(a) : OK;
	if (e.code == ERR_BUSY) {
		a->blocked = !failed(loop_change(a->q->service->loop, &a->mailbox.watch, EPOLLIN | EPOLLOUT));
		return;
	}
	if (failed(e))
		mailbox_lost(a);
	if (!peer_is_open(&a->mailbox) && account_has_mail(a))
		account_wake(a);
}

/* ---- what a mailbox says ---- */

static err on_fetch(struct account *a, const struct msg_fetch *m, uint32_t tag)
{
	(void)tag;
	unsigned owed = a->fetching ? a->owed : 0;
	if ((a->fetching && (!a->waits || !m->waits)) || owed + m->most > OWED_MAX)
		return FAIL(STATE);
	if (!a->fetching)
		a->given = false;
	a->fetching = owed + m->most > 0;
	a->owed = owed + (unsigned)m->most;
	a->waits = m->waits;
	turn_end(a);
	return OK;
}

/* What is out to another account, or to none, is not this mailbox's to speak of. */
static struct delivery *out_to(struct account *a, str number, uint64_t position)
{
	struct delivery *d = delivery_find(a->q, number, position);
	return d != NULL && d->account == a && d->state == DELIVERY_OUT ? d : NULL;
}

static err on_delivered(struct account *a, const struct msg_delivered *m, uint32_t tag)
{
	str records = m->deliveries;
	struct msg_delivery one;
	err e = OK;
	(void)tag;
	while (msg_next_delivery(&records, a->q->scratch, &one, &e)) {
		struct delivery *d = out_to(a, one.transaction, one.recipient);
		if (d != NULL)
			delivery_done(d);
	}
	a->gap = 0;
	return e;
}

static err on_undeliverable(struct account *a, const struct msg_undeliverable *m, uint32_t tag)
{
	struct delivery *d = out_to(a, m->transaction, m->recipient);
	(void)tag;
	if (d != NULL)
		delivery_defer(d, m->reason);
	return OK;
}

#define CONVERSATION "ipc/queue_mailbox.def"
#define HEAR hear
#define HEAR_PEER void
#define HEARD_forth HEAR_NOT
#define HEARD_back HEAR_CASE
#include "ipc/hear.h"

static void on_mailbox(void *to, uint32_t events)
{
	struct account *a = to;
	if ((events & EPOLLOUT) != 0 && a->blocked) {
		a->blocked = false;
		if (failed(loop_change(a->q->service->loop, &a->mailbox.watch, EPOLLIN)))
			mailbox_lost(a);
	}
	if ((events & ~(uint32_t)EPOLLOUT) != 0)
		IGNORE(peer_read(&a->mailbox, 1)); /* the answer goes out before the next is heard */
	account_pump(a);
	account_rest(a);
}

const struct peer_kind mailbox_kind = { .name = "mailbox", .hear = hear, .gone = mailbox_lost, .on_event = on_mailbox };

void mailbox_attach(struct queue *q, uint32_t account, int fd)
{
	struct account *a = account_get(q, account);
	mailbox_lost(a);
	loop_timer_stop(q->service->loop, &a->timer);
	IGNORE(peer_open(&a->mailbox, fd)); /* another one will come, and is asked for */
	account_pump(a);
	account_rest(a);
}
