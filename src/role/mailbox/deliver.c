/* SPDX-License-Identifier: Apache-2.0 */
/* Mail from the queue. A batch is parsed, stored in one transaction and shown at once; the queue is told to forget it
 * when it is synced. A delivery that comes twice is known by its name and answered as done. */
#include <sys/mman.h>
#include <sys/stat.h>

#include "os/fd.h"
#include "proto/imap/create.h"
#include "proto/mime/imap_text.h"
#include "role/mailbox/keeper.h"

#define CONVERSATION "ipc/queue_mailbox.def"
#include "ipc/conversation.h"

enum {
	ARENA_BUDGET = BATCH_BYTES + MIME_ARENA + (1 << 20),
	RECORDS_ROOM = 20000,
	HEX_NAME = 2 * 16 + 1,
};

static void drop_batch(struct keeper *k)
{
	struct batch *b = k->batch;
	for (size_t i = 0; i < b->count; i++)
		if (b->maps[i] != NULL)
			munmap(b->maps[i], b->sizes[i]);
	b->count = 0;
	arena_free(&b->arena);
}

void deliver_hang_up(struct keeper *k)
{
	channel_close(&k->queue);
	k->room = 0;
	k->is_complete = false;
	k->untold_count = 0; /* the queue sends them again, and is told then */
	drop_batch(k);
}

void deliver_ask(struct keeper *k)
{
	struct msg_fetch fetch = { .most = BATCH_MAX - k->room, .waits = true };
	if (k->queue.fd < 0)
		return;
	atomic_store(&k->wants_mail, false);
	if (k->room < BATCH_MAX && k->batch->count == 0 && !failed(msg_send_fetch(&k->queue, 0, &fetch)))
		k->room = BATCH_MAX;
}

/* The name under which a message is found in the log. */
static str log_name(char room[HEX_NAME], const struct delivery_name *name)
{
	struct buf b = { .p = room, .room = HEX_NAME };
	buf_hex(&b, name->transaction, sizeof name->transaction);
	return buf_str(&b);
}

static void refuse(struct keeper *k, const struct delivery_name *name, str address, err e)
{
	char room[HEX_NAME];
	struct log log = k->mailbox->service->log;
	struct msg_undeliverable no = { .transaction = { (const char *)name->transaction, sizeof name->transaction },
		.recipient = name->recipient,
		.reason = str_of(err_text(e)) };
	log.message = log_name(room, name);
	LOG(&log, message_deferred, F_ADDRESS("recipient", address), F_ERR(e));
	if (k->queue.fd >= 0 && failed(msg_send_undeliverable(&k->queue, 0, &no)))
		deliver_hang_up(k);
}

static void note_stored(struct keeper *k, const struct delivery *d, str address)
{
	char room[HEX_NAME];
	struct log log = k->mailbox->service->log;
	log.message = log_name(room, &d->name);
	if (!d->is_known)
		LOG(&log, message_delivered, F_TEXT("account", k->mailbox->service->instance),
			F_ADDRESS("recipient", address), F_TEXT("folder", d->folder), F_NUMBER("uid", d->uid),
			F_NUMBER("size", d->message.text.n));
	if (k->untold_count == UNTOLD_MAX)
		IGNORE(keeper_sync(k)); /* it has been reported; the queue sends again what it is not told */
	if (k->untold_count < UNTOLD_MAX)
		k->untold[k->untold_count++] = d->name;
}

static err store(struct keeper *k, size_t from, size_t count)
{
	struct batch *b = k->batch;
	if (k->mailbox->account == NULL)
		return atomic_load(&k->mailbox->is_damaged) ? FAIL(DAMAGED) : FAIL(STORAGE);
	err e = account_deliver(k->mailbox->account, b->deliveries + from, count);
	for (size_t i = from; !failed(e) && i < from + count; i++)
		note_stored(k, &b->deliveries[i], b->addresses[i]);
	return e;
}

static void store_batch(struct keeper *k)
{
	struct batch *b = k->batch;
	err e = b->count > 0 ? store(k, 0, b->count) : OK;
	bool is_store = e.code == ERR_DAMAGED || e.code == ERR_STORAGE;
	if (e.code == ERR_DISK_FULL)
		LOG(&k->mailbox->service->log, disk_full, F_TEXT("account", k->mailbox->service->instance));
	for (size_t i = 0; failed(e) && i < b->count; i++) {
		/* One message may be to blame: the others are stored singly. */
		err one = is_store || b->count == 1 ? e : store(k, i, 1);
		if (failed(one))
			refuse(k, &b->deliveries[i].name, b->addresses[i], one);
	}
	drop_batch(k);
	if (is_store && k->mailbox->account != NULL)
		mailbox_store_failed(k->mailbox, e);
}

static err take_file(struct batch *b, int fd, uint64_t size, str *text)
{
	struct stat file;
	if (fstat(fd, &file) != 0 || file.st_size < 0 || (uint64_t)file.st_size != size || size == 0)
		return FAIL(SYNTAX);
	void *map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return FAIL(MEMORY);
	b->maps[b->count] = map;
	b->sizes[b->count] = size;
	*text = (str){ map, size };
	return OK;
}

static err add_to_batch(struct keeper *k, const struct msg_deliver *m)
{
	struct batch *b = k->batch;
	struct delivery *d = &b->deliveries[b->count];
	if (b->arena == NULL)
		b->arena = arena_new("deliver", ARENA_BUDGET);
	struct message_parts *parts = NEW(b->arena, struct message_parts, 1);
	str text = NO_STR, junk = NO_STR;
	b->maps[b->count] = NULL;
	if (m->file < 0)
		text = arena_copy(b->arena, m->body);
	else
		TRY(take_file(b, m->file, m->size, &text));
	b->addresses[b->count] = arena_copy(b->arena, m->address);
	err e = arena_spent(b->arena) ? FAIL(MEMORY) : describe(b->arena, text, parts);
	if (!failed(e) && m->spam && k->mailbox->account != NULL)
		IGNORE(account_folder_of_use(k->mailbox->account, b->arena, IMAP_USE_JUNK, &junk)); /* then INBOX */
	if (failed(e) && b->maps[b->count] != NULL)
		munmap(b->maps[b->count], b->sizes[b->count]);
	TRY(e);
	*d = (struct delivery){
		.name.recipient = (uint16_t)m->recipient,
		.folder = junk.p != NULL ? junk : S("INBOX"),
		.message = { .text = text, .parts = parts, .seconds = (int64_t)(m->received / 1000) },
	};
	memcpy(d->name.transaction, m->transaction.p, sizeof d->name.transaction);
	b->count++;
	return OK;
}

static void end_batch(struct keeper *k)
{
	k->is_complete = false;
	store_batch(k);
	deliver_ask(k);
}

static err on_deliver(struct keeper *k, const struct msg_deliver *m, uint32_t tag)
{
	int file = m->file;
	(void)tag;
	if (m->transaction.n != sizeof k->batch->deliveries->name.transaction || k->room == 0) {
		fd_close(&file);
		return FAIL(SYNTAX);
	}
	k->room--;
	k->is_complete = m->last;
	if (k->batch->count == BATCH_MAX || (k->batch->arena != NULL && arena_held(k->batch->arena) > BATCH_BYTES))
		store_batch(k);
	err e = add_to_batch(k, m);
	if (failed(e) && k->batch->count > 0) { /* perhaps there is room for it alone */
		store_batch(k);
		e = add_to_batch(k, m);
	}
	fd_close(&file);
	if (failed(e)) {
		struct delivery_name name = { .recipient = (uint16_t)m->recipient };
		memcpy(name.transaction, m->transaction.p, sizeof name.transaction);
		if (k->batch->count == 0)
			drop_batch(k);
		refuse(k, &name, m->address, e);
	}
	return OK;
}

static err on_fetched(struct keeper *k, const struct msg_fetched *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	k->room = 0;
	end_batch(k);
	return OK;
}

static err on_mail_waiting(struct keeper *k, const struct msg_mail_waiting *m, uint32_t tag)
{
	(void)m;
	(void)tag;
	deliver_ask(k);
	return OK;
}

#define CONVERSATION "ipc/queue_mailbox.def"
#define HEAR queue_hear
#define HEAR_PEER struct keeper
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

void deliver_listen(struct keeper *k)
{
	static struct hear_counts heard; /* none of these messages is counted */
	while (k->queue.fd >= 0) {
		err e = channel_receive(&k->queue);
		if (e.code == ERR_AGAIN) {
			if (k->is_complete) /* not before: what came while it was read goes into the same batch */
				end_batch(k);
			return;
		}
		if (!failed(e))
			e = queue_hear(k, &heard, k->queue.in);
		if (!failed(e))
			continue;
		if (e.code != ERR_CLOSED)
			LOG(&k->mailbox->service->log, channel_broken, F_TEXT("peer", S("queue")), F_ERR(e));
		deliver_hang_up(k);
	}
}

void deliver_tell(struct keeper *k)
{
	char room[RECORDS_ROOM];
	struct buf records = BUF_ON(room);
	if (k->untold_count == 0 || k->queue.fd < 0)
		return;
	for (size_t i = 0; i < k->untold_count; i++) {
		const struct delivery_name *name = &k->untold[i];
		struct msg_delivery one = { .transaction = { (const char *)name->transaction,
						    sizeof name->transaction },
			.recipient = name->recipient };
		IGNORE(msg_add_delivery(&records, k->queue.out, &one)); /* a lost buffer is seen below */
	}
	struct msg_delivered all = { .deliveries = buf_str(&records) };
	if (records.lost || failed(msg_send_delivered(&k->queue, 0, &all)))
		deliver_hang_up(k);
	k->untold_count = 0;
}
