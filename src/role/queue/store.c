/* SPDX-License-Identifier: Apache-2.0 */
/* The decision: a message is answered with 250 when the transaction that holds it was committed, and not before. */
#include "os/clock.h"
#include "role/queue/forward.h"
#include "role/queue/intake.h"
#include "store/spool/file.h"

enum { LOOK_MS = 1000, BULK_RECIPIENTS = 20 };

static const struct answer no_room = { 452, S("4.3.1"), S("no space left, try again later") };
static const struct answer no_store = { 451, S("4.3.0"), S("the queue failed, try again later") };

/* ---- room on the disk ---- */

static void disk_set(struct queue *q, bool full, uint64_t left)
{
	if (full && !q->disk.full)
		LOG(&q->service->log, disk_full, F_NUMBER("free", left));
	if (!full && q->disk.full)
		LOG(&q->service->log, disk_recovered, F_NUMBER("free", left));
	q->disk.full = full;
}

bool disk_is_full(struct queue *q)
{
	uint64_t left = 0;
	int64_t now = clock_ms();
	if (q->disk.looked != INT64_MIN && now - q->disk.looked < LOOK_MS)
		return q->disk.full;
	q->disk.looked = now;
	if (!failed(spool_free(&left)))
		disk_set(q, left < q->service->conf->queue.free_min, left);
	return q->disk.full;
}

void disk_note(struct queue *q, err e)
{
	if (e.code != ERR_DISK_FULL)
		return;
	q->disk.looked = clock_ms();
	disk_set(q, true, 0);
}

/* ---- the job ---- */

static err write_file(struct job *j)
{
	struct message *m = (struct message *)j;
	return body_write(&m->body, m->row.number);
}

static err sync_file(struct job *j)
{
	struct message *m = (struct message *)j;
	return body_sync(&m->body);
}

static err run(struct job *j, struct spool *spool)
{
	struct message *m = (struct message *)j;
	TRY(spool_add(spool, &m->row, m->body.whole));
	for (size_t i = 0; i < m->count; i++)
		TRY(spool_add_recipient(spool, m->row.id, &m->recipients[i]));
	return OK;
}

static struct answer queued(const struct message *m, struct buf *reason)
{
	char name[NUMBER_TEXT];
	buf_addf(reason, "queued as %.*s", ARG(message_name(m, name)));
	return (struct answer){ 250, S("2.0.0"), buf_str(reason) };
}

/* The loop may have much to do just now, and the client only waits for this. */
static void tell(struct job *j)
{
	struct message *m = (struct message *)j;
	char text[64];
	struct buf reason = BUF_ON(text);
	const struct answer a = queued(m, &reason);
	session_answer_early(m, &a);
}

static void accepted(struct message *m)
{
	char name[NUMBER_TEXT], text[64];
	struct buf reason = BUF_ON(text);
	const struct answer a = queued(m, &reason);
	m->stored = true;
	session_answer(m, &a);
	const struct log log = message_log(m, name);
	LOG(&log, message_accepted, F_ADDRESS("client", m->client), F_ADDRESS("sender", m->row.sender),
		F_NUMBER("recipients", m->count), F_NUMBER("size", m->row.size), F_NUMBER("account", m->row.account));
	forward_came_back(m);
	deliveries_add(m);
}

static void done(struct job *j)
{
	struct message *m = (struct message *)j;
	turns_stored(m->q);
	if (!failed(j->e)) {
		accepted(m);
		return;
	}
	disk_note(m->q, j->e);
	refuse(m, j->e.code == ERR_DISK_FULL ? &no_room : &no_store);
}

/* Mail for many is bulk, and goes after what one person writes to another. */
static void order_remote(struct message *m)
{
	size_t elsewhere = 0;
	for (size_t i = 0; i < m->count; i++)
		elsewhere += m->recipients[i].account == 0;
	for (size_t i = 0; i < m->count; i++) {
		struct spool_recipient *r = &m->recipients[i];
		if (r->account != 0)
			continue;
		r->due = m->row.received;
		r->priority = elsewhere > BULK_RECIPIENTS ? 1 : 0;
	}
}

void store(struct message *m)
{
	order_remote(m);
	m->row.has_checksum = true;
	m->row.checksum = m->body.checksum;
	m->job = (struct job){ .run = run, .tell = tell, .done = done };
	session_lend(m);
	if (m->body.large) {
		m->row.flags |= SPOOL_FILE;
		m->job.write = write_file;
		m->job.sync = sync_file;
	}
	turns_storing(m->q);
	writer_post(m->q->writer, &m->job);
}

void refuse(struct message *m, const struct answer *a)
{
	char name[NUMBER_TEXT];
	const struct log log = message_log(m, name);
	LOG(&log, message_refused, F_ADDRESS("client", m->client), F_ADDRESS("sender", m->row.sender),
		F_NUMBER("size", m->row.size), F_NUMBER("code", a->code), F_TEXT("reason", a->reason));
	session_answer(m, a);
	message_free(&m);
}
