/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a process that was taken over: any frame. Properties: each line of the log is one line, an object whose first
 * members are ours and say where it came from; addresses do not stand in it where pseudonyms are asked for.
 *
 * Input: entries; each is event (1), kind of the field (1), length (2, little-endian) and text of its name, the same of its
 * value. */
#include "fuzz.h"

#include <stdlib.h>

#include "role/logger/format.h"

enum { NAME_MAX_BYTES = 40 };

static void must(bool condition)
{
	if (!condition)
		abort();
}

static str take(const uint8_t **p, size_t *n, size_t most)
{
	size_t length = *n >= 2 ? (size_t)((*p)[0] | (*p)[1] << 8) % (most + 1) : 0;
	*p += *n >= 2 ? 2 : *n;
	*n -= *n >= 2 ? 2 : *n;
	length = length < *n ? length : *n;
	str s = str_from((const char *)*p, length);
	*p += length;
	*n -= length;
	return s;
}

/* Between quotes no control character and no quote without a backslash may stand; outside none but ours do. */
static void check_line(str line, str head)
{
	bool quoted = false;
	must(line.n > 0 && line.p[line.n - 1] == '\n' && str_starts(line, head));
	for (size_t i = 0; i + 1 < line.n; i++) {
		must((unsigned char)line.p[i] >= ' ');
		if (quoted && line.p[i] == '\\')
			i++;
		else if (line.p[i] == '"')
			quoted = !quoted;
		else
			must(quoted || line.p[i] != '}' || i + 2 == line.n);
	}
	must(!quoted);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static char room[LOG_LINE_MAX], head_room[400];
	const struct hash_key key = { { 1, 2 } };
	struct buf line = BUF_ON(room), head = BUF_ON(head_room);
	if (n < 2)
		return 0;
	const struct log_origin origin = { S("queue"), 77, 1795417921123, p[1] & 1 ? &key : NULL };
	enum log_event event = (enum log_event)(p[0] % LOG_EVENTS);
	buf_addf(&head,
		"{\"time\":\"2026-11-23T07:12:01.123Z\",\"level\":\"%s\",\"event\":\"%s\",\"role\":\"queue\",\"pid\":"
		"77",
		log_level_name(log_event_level(event)), log_event_name(event));
	p += 2;
	n -= 2;
	struct json j = line_begin(&line, &origin, event);
	while (n > 0) {
		struct log_field field = { .kind = (enum log_kind)(p[0] % LOG_END), .number = p[0] };
		p++;
		n--;
		str name = take(&p, &n, NAME_MAX_BYTES);
		field.text = take(&p, &n, 2048);
		line_field(&j, &origin, name, &field);
	}
	line_end(&j);
	if (!line.lost)
		check_line(buf_str(&line), buf_str(&head));
	return 0;
}
