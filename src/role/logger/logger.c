/* SPDX-License-Identifier: Apache-2.0 */
/* Each process has a channel to the logger. The supervisor says whose it is; entries hold only event and fields. */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/utf8.h"
#include "os/clock.h"
#include "os/fd.h"
#include "os/random.h"
#include "role/logger/logger.h"
#include "role/logger/role.h"

#define CONVERSATION "ipc/role_logger.def"
#include "ipc/conversation.h"
#define CONVERSATION "ipc/logger_directory.def"
#include "ipc/conversation.h"

enum { PEERS_BUDGET = 16 << 20, ENTRIES_AT_ONCE = 64, LULL_MS = 5, RETRY_MS = 1000, DAY_MS = 86400000 };

struct source {
	struct logger *logger;
	struct source *next_free;
	struct peer peer;
	uint64_t pid;
	char role[33];
};

/* With a new key every day, nobody can follow a person through the log for longer (L1). */
struct log_origin logger_origin(struct logger *l, str role, uint64_t pid)
{
	struct log_origin origin = { .role = role, .pid = pid, .utc_ms = clock_utc_ms() };
	if (l->service->conf->log.addresses == 0)
		return origin;
	if (origin.utc_ms / DAY_MS != l->pseudonyms_day) {
		l->pseudonyms_day = origin.utc_ms / DAY_MS;
		random_bytes(&l->pseudonyms, sizeof l->pseudonyms);
	}
	origin.pseudonyms = &l->pseudonyms;
	return origin;
}

static void write_round(void *to);

void logger_flush(struct logger *l)
{
	str left = buf_str(&l->output);
	if (left.n == 0)
		return;
	if (failed(log_file_write(&l->file, &left, clock_utc_ms())))
		loop_timer_start(l->service->loop, &l->flush, RETRY_MS, write_round, l);
	memmove(l->output_room, left.p, left.n);
	l->output.n = left.n;
}

/* What a full disk kept out for longer than the room lasts is counted, and said once there is room again. */
static void write_round(void *to)
{
	struct logger *l = to;
	logger_flush(l);
	if (l->dropped == 0 || l->output.n > 0)
		return;
	uint64_t lost = l->dropped;
	l->dropped = 0;
	LOG(&l->service->log, entries_lost, F_NUMBER("entries", lost));
}

static void add_output(struct logger *l, str line)
{
	if (line.n > l->output.room - l->output.n)
		logger_flush(l);
	if (line.n > l->output.room - l->output.n)
		l->dropped++;
	else
		buf_add(&l->output, line);
}

static void follow(struct logger *l, str line)
{
	for (size_t i = 0; i < FOLLOWERS_MAX; i++)
		if (l->followers[i] != NULL && failed(admin_line(l->followers[i], str_slice(line, 0, line.n - 1)))) {
			admin_done(l->followers[i]);
			l->followers[i] = NULL;
		}
}

/* A person is told by mail, if that works just now; in any case it stands in the list. */
static void tell(struct logger *l, enum log_event event, str entry)
{
	const struct msg_alarm m = { .event = (uint64_t)event, .entry = entry };
	IGNORE(msg_send_alarm(&l->directory.channel, 0, &m)); /* it stands in the log as well */
}

void logger_take(
	struct logger *l, const struct log_origin *origin, enum log_event event, const struct log_field *fields)
{
	static char room[LOG_LINE_MAX];
	struct buf line = BUF_ON(room);
	enum log_level level = log_event_level(event);
	if (level < l->least)
		return;
	struct json j = line_begin(&line, origin, event);
	for (; fields->kind != LOG_END; fields++)
		line_field(&j, origin, str_of(fields->name), fields);
	line_end(&j);
	if (line.lost)
		return;
	if (level == LOG_ALARM) {
		str entry = str_slice(buf_str(&line), 0, line.n - 1);
		if (alarms_add(&l->alarms, event, entry, origin->utc_ms))
			tell(l, event, str_begin_utf8(entry, ALARM_TEXT_MAX));
		IGNORE(alarms_save(&l->alarms)); /* it stands in the log as well */
	}
	add_output(l, buf_str(&line));
	follow(l, buf_str(&line));
}

/* What was dropped for want of room is said once there is room again. */
static void note_losses(struct logger *l, const struct log_origin *origin, uint64_t lost)
{
	const struct log_field fields[] = { F_NUMBER("entries", lost), { NULL, LOG_END, NO_STR, 0 } };
	if (lost > 0)
		logger_take(l, origin, EV_entries_lost, fields);
}

static err on_log_entry(struct source *p, const struct msg_log_entry *m, uint32_t tag)
{
	static struct frame scratch[LOG_FIELDS_MAX];
	static char names[LOG_FIELDS_MAX][33];
	struct log_field fields[LOG_FIELDS_MAX + 1];
	struct msg_log_field field;
	str records = m->fields;
	size_t n = 0;
	err e = OK;
	(void)tag;
	if (m->event >= LOG_EVENTS)
		return FAIL(SYNTAX);
	while (n < LOG_FIELDS_MAX && msg_next_log_field(&records, &scratch[n], &field, &e)) {
		struct buf name = BUF_ON(names[n]);
		buf_add(&name, field.name);
		names[n][name.n] = '\0';
		fields[n] = (struct log_field){ names[n], (enum log_kind)field.kind, field.text, field.number };
		n++;
	}
	TRY(e);
	p->logger->taken++;
	fields[n] = (struct log_field){ NULL, LOG_END, NO_STR, 0 };
	struct log_origin origin = logger_origin(p->logger, str_of(p->role), p->pid);
	note_losses(p->logger, &origin, m->lost);
	logger_take(p->logger, &origin, (enum log_event)m->event, fields);
	return OK;
}

#define CONVERSATION "ipc/role_logger.def"
#define HEAR source_hear
#define HEAR_PEER void
#define HEARD_forth HEAR_CASE
#define HEARD_back HEAR_NOT
#include "ipc/hear.h"

static void source_free(void *source)
{
	struct source *p = source;
	p->next_free = p->logger->free_sources;
	p->logger->free_sources = p;
}

/* Entries come singly, and each would cost a wake-up and a write. What comes in the next moment is taken together, unless
 * so much comes already that the channels might fill. */
static void on_round_end(void *to)
{
	struct logger *l = to;
	write_round(l);
	if (l->taken < ENTRIES_AT_ONCE)
		(void)poll(NULL, 0, LULL_MS);
	l->taken = 0;
}

static void on_source(void *source, uint32_t events)
{
	struct source *p = source;
	struct logger *l = p->logger;
	(void)events;
	IGNORE(peer_read(&p->peer, ENTRIES_AT_ONCE)); /* it is free when it has gone */
	if (l->output.n > 0 && !l->flush.running)
		loop_timer_start(l->service->loop, &l->flush, 0, on_round_end, l);
}

static const struct peer_kind source_kind = {
	.name = "", .hear = source_hear, .gone = source_free, .on_event = on_source
};
static const struct peer_kind directory_kind = { .name = "directory" };

static struct source *source_new(struct logger *l, str role, uint64_t pid)
{
	struct source *p = l->free_sources;
	if (role.n >= sizeof p->role)
		return NULL;
	if (p != NULL)
		l->free_sources = p->next_free;
	else
		p = NEW(l->sources, struct source, 1);
	if (p == NULL)
		return NULL;
	*p = (struct source){ .logger = l, .pid = pid };
	memcpy(p->role, role.p, role.n);
	peer_init(&p->peer, l->service, &source_kind, p);
	p->peer.name = p->role;
	return p;
}

static void channel(struct service *s, str peer, uint64_t account, uint64_t pid, int fd)
{
	struct logger *l = s->state;
	(void)account;
	if (pid == 0) {
		if (str_eq(peer, S("control"))) {
			admin_door_connect(l->door, fd);
		} else if (str_eq(peer, S("directory"))) {
			IGNORE(peer_open(&l->directory, fd)); /* or it finds its end closed */
		} else {
			fd_close(&fd);
		}
		return;
	}
	struct source *p = source_new(l, peer, pid);
	if (p == NULL)
		fd_close(&fd);
	else if (failed(peer_open(&p->peer, fd)))
		source_free(p);
}

/* The logger's own entries go the short way. */
static void own_entry(void *to, enum log_event event, const struct log_field *fields)
{
	struct logger *l = to;
	struct log_origin origin = logger_origin(l, S("logger"), (uint64_t)getpid());
	logger_take(l, &origin, event, fields);
	logger_flush(l);
}

static void prepare(struct service *s)
{
	static struct logger logger;
	logger.service = s;
	logger.output = BUF_ON(logger.output_room);
	logger.sources = arena_new("log channels", PEERS_BUDGET);
	logger.file.fd = -1;
	s->state = &logger;
	s->log = (struct log){ .sink = own_entry, .to = &logger };
	peer_init(&logger.directory, s, &directory_kind, &logger);
	logger.door = admin_door_new(s, logger_verbs, &logger);
}

static err start(struct service *s)
{
	struct logger *l = s->state;
	static const enum log_level least[] = { LOG_INFO, LOG_WARNING, LOG_ERROR };
	l->least = least[s->conf->log.level % 3];
	alarms_load(&l->alarms);
	return log_file_open(&l->file, s->conf->log.retention_days, clock_utc_ms());
}

static void stop(struct service *s) { logger_flush(s->state); }

const struct role role_logger = {
	.name = "logger", .prepare = prepare, .channel = channel, .start = start, .stop = stop
};
