/* SPDX-License-Identifier: Apache-2.0 */
/* Fields follow each other without a gap up to the empty line; unfolding leaves no line end; parameters, dates and
 * summaries come from any text. */
#include <stdlib.h>

#include "fuzz.h"
#include "proto/mime/content.h"
#include "proto/mime/date.h"
#include "proto/mime/header.h"
#include "proto/mime/summary.h"

static void field_check(struct arena *a, const struct mime_field *field)
{
	struct mime_content content;
	struct mime_date date, again;
	str line = mime_unfold(a, field->value);
	if (line.p == NULL || str_find(line, '\n') != STR_NONE || str_find(line, '\r') != STR_NONE)
		abort();
	if (!failed(mime_content_type(a, field->value, &content)) && (content.type.n == 0 || content.subtype.n == 0))
		abort();
	IGNORE(mime_content_disposition(a, field->value, &content)); /* only that it ends */
	if (!failed(mime_date_parse(field->value, &date))) {
		char room[64];
		struct buf b = BUF_ON(room);
		mime_date_write(&b, date);
		/* "+9959" can lift a date over the last year; all others come back. */
		if (date.seconds < 253370764800 && date.seconds > -2208900000 &&
			(failed(mime_date_parse(buf_str(&b), &again)) || again.seconds != date.seconds))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new("fuzz", 1 << 26);
	str text = { (const char *)p, n };
	struct mime_field field;
	struct mime_summary summary;
	size_t at = 0, end = 0;
	while (mime_field_next(text, &at, &field)) {
		if (field.start != end || field.end != at || field.raw.n == 0 || field.raw.n != at - end)
			abort();
		end = at;
		field_check(a, &field);
	}
	size_t empty = end < n ? mime_empty_line(text, end) : 0;
	if (mime_header_size(text) != end + empty || (end < n && empty == 0))
		abort();
	if (failed(mime_summarise(a, text, &summary)) || summary.references_count > MIME_REFERENCES_MAX)
		abort();
	arena_free(&a);
	return 0;
}
