/* SPDX-License-Identifier: Apache-2.0 */
#include "role/logger/format.h"

#include <time.h>

enum { WORDS_ROOM = 2048 };

void line_time(struct buf *to, int64_t utc_ms)
{
	struct tm t;
	time_t seconds = (time_t)(utc_ms / 1000);
	gmtime_r(&seconds, &t);
	buf_addf(to, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour,
		t.tm_min, t.tm_sec, (int)(utc_ms % 1000));
}

struct json line_begin(struct buf *line, const struct log_origin *origin, enum log_event event)
{
	char room[32];
	struct buf moment = BUF_ON(room);
	line_time(&moment, origin->utc_ms);
	struct json j = json_begin(line);
	json_text(&j, "time", buf_str(&moment));
	json_text(&j, "level", str_of(log_level_name(log_event_level(event))));
	json_text(&j, "event", str_of(log_event_name(event)));
	json_text(&j, "role", origin->role);
	json_number(&j, "pid", origin->pid);
	return j;
}

/* Names that the line itself uses are not a field's to set. */
static bool is_ours(str name)
{
	static const char *const ours[] = { "time", "level", "event", "role", "pid" };
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (str_eq(name, str_of(ours[i])))
			return true;
	return false;
}

/* A pseudonym is the same for the same address as long as the key is, and tells nothing else. */
static str pseudonym(const struct log_origin *origin, str address, struct buf *room)
{
	buf_addf(room, "~%016llx", (unsigned long long)hash_of(origin->pseudonyms, address));
	return buf_str(room);
}

/* Words of commands that name nobody. */
static bool is_harmless(str word)
{
	static const char *const harmless[] = { "id", "domain", "alias-of", "number", "lines", "age", "quota", "follow",
		"senders" };
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if (str_eq(word, str_of(harmless[i])))
			return true;
	return false;
}

/* A value can hold blanks: what stands behind the first goes with it. */
static str hide_words(const struct log_origin *origin, str words, struct buf *room)
{
	str word, name;
	while (str_word(&words, ' ', &word)) {
		str value = word;
		if (!str_cut(&value, '=', &name))
			continue;
		buf_addf(room, "%s%.*s=", room->n > 0 ? " " : "", ARG(name));
		if (is_harmless(name))
			buf_add(room, value);
		else
			pseudonym(origin, value, room);
	}
	return buf_str(room);
}

/* An odd quote hides all that is left. */
static str hide_quotes(const struct log_origin *origin, str text, struct buf *room)
{
	str plain, quoted;
	while (str_word(&text, '"', &plain)) {
		buf_add(room, plain);
		if (!str_word(&text, '"', &quoted))
			break;
		buf_byte(room, '"');
		pseudonym(origin, quoted, room);
		buf_byte(room, '"');
	}
	return buf_str(room);
}

void line_field(struct json *line, const struct log_origin *origin, str name, const struct log_field *field)
{
	char name_room[33], text_room[WORDS_ROOM];
	struct buf term = BUF_ON(name_room), hidden = BUF_ON(text_room);
	if (name.n == 0 || name.n > 32 || !str_is(CH_TOKEN, name) || is_ours(name))
		return;
	buf_add(&term, name);
	buf_byte(&term, '\0');
	if (field->kind == LOG_NUMBER)
		json_number(line, name_room, field->number);
	else if (field->kind == LOG_ADDRESS && origin->pseudonyms != NULL && field->text.n > 0)
		json_text(line, name_room, pseudonym(origin, field->text, &hidden));
	else if (field->kind == LOG_WORDS && origin->pseudonyms != NULL)
		json_text(line, name_room, hide_words(origin, field->text, &hidden));
	else if (field->kind == LOG_QUOTING && origin->pseudonyms != NULL)
		json_text(line, name_room, hide_quotes(origin, field->text, &hidden));
	else
		json_text(line, name_room, field->text);
}

void line_end(struct json *line)
{
	json_end(line);
	buf_byte(line->to, '\n');
}
