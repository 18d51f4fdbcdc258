/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/finding.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"

enum { WORDS_MAX_BYTES = 800, LINE_ROOM = 6000, UNTIMED = -1 };

static void __attribute__((format(printf, 5, 0)))
add(struct findings *f, int64_t milliseconds, const char *level, const char *subject, const char *format, va_list list)
{
	char words[WORDS_MAX_BYTES], room[LINE_ROOM];
	struct buf line = BUF_ON(room);
	vsnprintf(words, sizeof words, format, list);
	struct json j = json_begin(&line);
	json_text(&j, "level", str_of(level));
	json_text(&j, "subject", str_of(subject));
	json_text(&j, "finding", str_of(words));
	if (milliseconds != UNTIMED)
		json_number(&j, "milliseconds", (uint64_t)milliseconds);
	json_end(&j);
	show_line(f->show, buf_str(&line));
	f->errors += str_eq(str_of(level), S("error"));
}

void finding(struct findings *f, const char *level, const char *subject, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	add(f, UNTIMED, level, subject, format, list);
	va_end(list);
}

void finding_timed(
	struct findings *f, int64_t milliseconds, const char *level, const char *subject, const char *format, ...)
{
	va_list list;
	va_start(list, format);
	add(f, milliseconds > 0 ? milliseconds : 0, level, subject, format, list);
	va_end(list);
}
