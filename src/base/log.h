/* SPDX-License-Identifier: Apache-2.0 */
/* One entry per event; the events stand in events.def. Only roles log; libraries return errors. A value can hold any
 * bytes: the logger escapes them, so nobody can forge a line. There is no kind of field for secrets. */
#pragma once
#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_ALARM };

enum log_event {
#define EVENT(name, level, text) EV_##name,
#include "base/events.def"
#undef EVENT
	LOG_EVENTS
};

/* ADDRESS is text that names a person (a mail address, a login, a client's IP address): the logger writes a pseudonym
 * where the configuration asks for it. WORDS are those of a command, "login=x address=y": some of them name a person.
 * QUOTING is a sentence that has such words in quotes. */
enum log_kind { LOG_TEXT, LOG_NUMBER, LOG_ADDRESS, LOG_WORDS, LOG_QUOTING, LOG_END };

struct log_field {
	const char *name;
	enum log_kind kind;
	str text;
	uint64_t number;
};

/* Where entries go, and what stands in each of them. message and session are left out where they are absent. */
struct log {
	void (*sink)(void *to, enum log_event event, const struct log_field *fields);
	void *to;
	str session;
	str message;
};

/* Names with a fixed meaning: message session client account login sender recipient reason error size milliseconds. */
#define F_TEXT(name, value)                  \
	{                                    \
		(name), LOG_TEXT, (value), 0 \
	}
#define F_ADDRESS(name, value)                  \
	{                                       \
		(name), LOG_ADDRESS, (value), 0 \
	}
#define F_WORDS(name, value)                  \
	{                                     \
		(name), LOG_WORDS, (value), 0 \
	}
#define F_QUOTING(name, value)                  \
	{                                       \
		(name), LOG_QUOTING, (value), 0 \
	}
#define F_NUMBER(name, value)                       \
	{                                           \
		(name), LOG_NUMBER, NO_STR, (value) \
	}
#define F_ERR(e)                                          \
	{                                                 \
		"error", LOG_TEXT, str_of(err_text(e)), 0 \
	}

#define LOG(log, event, ...)         \
	log_write((log), EV_##event, \
		(const struct log_field[]){ __VA_ARGS__ __VA_OPT__(, ){ NULL, LOG_END, NO_STR, 0 } })

enum { LOG_FIELDS_MAX = 16 };

/* fields ends with LOG_END; what is above LOG_FIELDS_MAX is left out. Never fails: an entry that finds no room is counted. */
void log_write(const struct log *log, enum log_event event, const struct log_field *fields);

const char *log_event_name(enum log_event event);
const char *log_event_text(enum log_event event);
/* What an event of level ALARM means, in German; NULL for all others. */
const char *log_event_german(enum log_event event);
enum log_level log_event_level(enum log_event event);
const char *log_level_name(enum log_level level);
