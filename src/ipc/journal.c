/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/journal.h"

#include <pthread.h>
#include <stdlib.h>

#define CONVERSATION "ipc/role_logger.def"
#include "ipc/conversation.h"

enum { TEXT_MAX = 2048, FIELDS_ROOM = 16384 };

struct journal {
	pthread_mutex_t lock;
	struct channel channel;
	uint32_t lost;
	struct frame *field, *entry;
	char fields[FIELDS_ROOM];
};

struct journal *journal_new(void)
{
	struct journal *j = calloc(1, sizeof *j);
	struct frame *frames = calloc(2, sizeof *frames);
	if (j == NULL || frames == NULL)
		abort();
	pthread_mutex_init(&j->lock, NULL);
	j->field = &frames[0];
	j->entry = &frames[1];
	j->channel = channel_of(-1, NULL, j->entry);
	return j;
}

void journal_connect(struct journal *j, int fd)
{
	pthread_mutex_lock(&j->lock);
	channel_close(&j->channel);
	j->channel.fd = fd;
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
		if (failed(msg_add_log_field(&records, j->field, &field)))
			records.n = before; /* a field that does not fit is left out; the entry is worth more */
		records.lost = false;
	}
	struct msg_log_entry entry = { .event = event, .lost = j->lost, .fields = buf_str(&records) };
	if (failed(msg_send_log_entry(&j->channel, 0, &entry)))
		j->lost++;
	else
		j->lost = 0;
}

static void sink(void *to, enum log_event event, const struct log_field *fields)
{
	struct journal *j = to;
	pthread_mutex_lock(&j->lock);
	send(j, event, fields);
	pthread_mutex_unlock(&j->lock);
}

struct log journal_log(struct journal *j) { return (struct log){ .sink = sink, .to = j }; }
