/* SPDX-License-Identifier: Apache-2.0 */
/* The file is our own, but it is read as if it were not: a line is "number times first last event length text". */
#include "role/logger/alarms.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cur.h"
#include "base/utf8.h"
#include "os/fd.h"

enum { HOUR_MS = 3600000, FILE_MAX_BYTES = ALARMS_MAX * (ALARM_TEXT_MAX + 128) };

static const char file[] = "alarms", next_file[] = "alarms.new";
static char room[FILE_MAX_BYTES];

bool alarms_add(struct alarms *a, enum log_event event, str line, int64_t utc_ms)
{
	for (size_t i = a->count; i-- > 0;) {
		struct alarm_entry *old = &a->entry[i];
		if (old->event != event || utc_ms - old->first_ms >= HOUR_MS || utc_ms < old->first_ms)
			continue;
		old->times++;
		old->last_ms = utc_ms;
		return false;
	}
	if (a->count == ALARMS_MAX)
		memmove(&a->entry[0], &a->entry[1], sizeof a->entry[0] * --a->count);
	struct alarm_entry *new = &a->entry[a->count++];
	line = str_begin_utf8(line, ALARM_TEXT_MAX);
	*new = (struct alarm_entry){ .number = ++a->last_number,
		.times = 1,
		.first_ms = utc_ms,
		.last_ms = utc_ms,
		.event = event,
		.length = line.n };
	memcpy(new->text, line.p, line.n);
	return true;
}

bool alarms_acknowledge(struct alarms *a, uint64_t number)
{
	size_t kept = 0, before = a->count;
	for (size_t i = 0; i < before; i++)
		if (number != 0 && a->entry[i].number != number)
			a->entry[kept++] = a->entry[i];
	a->count = kept;
	return number == 0 || kept < before;
}

static enum log_event event_named(str name)
{
	for (unsigned i = 0; i < LOG_EVENTS; i++)
		if (str_eq(name, str_of(log_event_name((enum log_event)i))))
			return (enum log_event)i;
	return EV_alarm;
}

static uint64_t number_and_space(struct cur *c)
{
	uint64_t number = cur_number(c, INT64_MAX);
	cur_need(c, ' ');
	return number;
}

static void load_line(struct alarms *a, str line)
{
	struct cur c = cur_of(line);
	struct alarm_entry e = { .number = number_and_space(&c), .times = number_and_space(&c) };
	e.first_ms = (int64_t)number_and_space(&c);
	e.last_ms = (int64_t)number_and_space(&c);
	e.event = event_named(cur_until(&c, ' '));
	cur_need(&c, ' ');
	str text = cur_rest(&c);
	if (!cur_ok(&c) || text.n > ALARM_TEXT_MAX || a->count == ALARMS_MAX)
		return;
	memcpy(e.text, text.p, text.n);
	e.length = text.n;
	a->entry[a->count++] = e;
	if (e.number > a->last_number)
		a->last_number = e.number;
}

void alarms_load(struct alarms *a)
{
	size_t n = 0, got;
	int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	while (n < sizeof room && !failed(fd_read(fd, room + n, sizeof room - n, &got)))
		n += got;
	fd_close(&fd);
	str rest = str_from(room, n), line;
	while (str_word(&rest, '\n', &line))
		load_line(a, line);
}

static err write_all(int fd, str text)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);
		if (n <= 0)
			return FAIL(SYSTEM);
		text = str_after(text, (size_t)n);
	}
	return fdatasync(fd) == 0 ? OK : FAIL(SYSTEM);
}

err alarms_save(const struct alarms *a)
{
	struct buf text = BUF_ON(room);
	for (size_t i = 0; i < a->count; i++) {
		const struct alarm_entry *e = &a->entry[i];
		buf_addf(&text, "%llu %llu %lld %lld %s ", (unsigned long long)e->number, (unsigned long long)e->times,
			(long long)e->first_ms, (long long)e->last_ms, log_event_name(e->event));
		buf_add(&text, str_from(e->text, e->length));
		buf_byte(&text, '\n');
	}
	int fd = openat(AT_FDCWD, next_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return FAIL(SYSTEM);
	err e = write_all(fd, buf_str(&text));
	fd_close(&fd);
	TRY(e);
	return rename(next_file, file) == 0 ? OK : FAIL(SYSTEM);
}
