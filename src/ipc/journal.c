/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/journal.h"

#include <pthread.h>
#include <stdlib.h>

#define CONVERSATION "ipc/role_logger.def"
#include "ipc/conversation.h"

enum { TEXT_MAX = 2048, FIELDS_ROOM = 16384, KEPT_ROOM = 32 << 10 };

/* In front of the fields of an entry that waits for a logger. */
struct kept {
	uint32_t event, length;
};

struct journal {
	pthread_mutex_t lock;
	struct channel channel;
	uint32_t lost;
	size_t kept; /* bytes */
	char fields[FIELDS_ROOM];
	char room[KEPT_ROOM];
	struct frame field, entry;
};

struct journal *journal_new(void)
{
	struct journal *j =
		calloc(1, sizeof *j); /* so large that it gets pages of its own: what is not used is not there */
	if (j == NULL)
		abort();
	pthread_mutex_init(&j->lock, NULL);
	j->channel = channel_of(-1, NULL, &j->entry);
	return j;
}

static err send_entry(struct journal *j, uint32_t event, str fields)
{
	struct msg_log_entry entry = { .event = event, .lost = j->lost, .fields = fields };
	TRY(msg_send_log_entry(&j->channel, 0, &entry));
	j->lost = 0;
	return OK;
}

static void keep(struct journal *j, uint32_t event, str fields)
{
	struct kept head = { event, (uint32_t)fields.n };
	if (fields.n + sizeof head > KEPT_ROOM - j->kept) {
		j->lost++;
		return;
	}
	memcpy(j->room + j->kept, &head, sizeof head);
	memcpy(j->room + j->kept + sizeof head, fields.p, fields.n);
	j->kept += sizeof head + fields.n;
}

static void send_kept(struct journal *j)
{
	struct kept head;
	for (size_t at = 0; at < j->kept; at += sizeof head + head.length) {
		memcpy(&head, j->room + at, sizeof head);
		if (failed(send_entry(j, head.event, str_from(j->room + at + sizeof head, head.length))))
			j->lost++;
	}
	j->kept = 0;
}

void journal_connect(struct journal *j, int fd)
{
	pthread_mutex_lock(&j->lock);
	channel_close(&j->channel);
	j->channel.fd = fd;
	if (fd >= 0)
		send_kept(j);
	pthread_mutex_unlock(&j->lock);
}

static void send(struct journal *j, enum log_event event, const struct log_field *fields)
{
	struct buf records = BUF_ON(j->fields);
	for (; fields->kind != LOG_END; fields++) {
		struct msg_log_field field = { .name = str_of(fields->name),
			.kind = fields->kind,
			.text = str_slice(fields->text, 0, TEXT_MAX),
			.number = fields->number };
		size_t before = records.n;
		if (failed(msg_add_log_field(&records, &j->field, &field)))
			records.n = before; /* a field that does not fit is left out; the entry is worth more */
		records.lost = false;
	}
	err e = j->channel.fd >= 0 ? send_entry(j, event, buf_str(&records)) : FAIL(CLOSED);
	if (e.code == ERR_CLOSED)
		keep(j, event, buf_str(&records));
	else if (failed(e))
		j->lost++;
}

static void sink(void *to, enum log_event event, const struct log_field *fields)
{
	struct journal *j = to;
	pthread_mutex_lock(&j->lock);
	send(j, event, fields);
	pthread_mutex_unlock(&j->lock);
}

struct log journal_log(struct journal *j) { return (struct log){ .sink = sink, .to = j }; }
