/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

static const struct {
	const char *name, *text;
	enum log_level level;
} events[] = {
#define EVENT(event, at, words) [EV_##event] = { #event, words, LOG_##at },
#include "base/events.def"
#undef EVENT
};

static const char *const german[LOG_EVENTS] = {
#define ALARM(event, words) [EV_##event] = words,
#include "base/alarms.def"
#undef ALARM
};

const char *log_event_name(enum log_event event) { return events[event].name; }
const char *log_event_text(enum log_event event) { return events[event].text; }
const char *log_event_german(enum log_event event) { return german[event]; }
enum log_level log_event_level(enum log_event event) { return events[event].level; }

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {
		[LOG_INFO] = "info", [LOG_WARNING] = "warning", [LOG_ERROR] = "error", [LOG_ALARM] = "alarm"
	};
	return names[level];
}

void log_write(const struct log *log, enum log_event event, const struct log_field *fields)
{
	struct log_field all[LOG_FIELDS_MAX + 1];
	size_t n = 0;
	if (log->sink == NULL)
		return;
	if (log->message.n > 0)
		all[n++] = (struct log_field)F_TEXT("message", log->message);
	if (log->session.n > 0)
		all[n++] = (struct log_field)F_TEXT("session", log->session);
	while (fields->kind != LOG_END && n < LOG_FIELDS_MAX)
		all[n++] = *fields++;
	all[n] = (struct log_field){ NULL, LOG_END, NO_STR, 0 };
	log->sink(log->to, event, all);
}
