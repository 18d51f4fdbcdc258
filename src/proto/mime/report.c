/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mime/report.h"

#include "proto/mime/content.h"
#include "proto/mime/header.h"
#include "proto/mime/part.h"

static bool has_type(struct arena *a, str header, str type, str subtype, struct mime_content *out)
{
	struct mime_field field;
	return !failed(mime_field_find(header, S("Content-Type"), &field)) &&
	       !failed(mime_content_type(a, field.value, out)) && str_eq_nocase(out->type, type) &&
	       str_eq_nocase(out->subtype, subtype);
}

/* RFC 6522 3 */
static bool is_report(struct arena *a, str header)
{
	struct mime_content content;
	return has_type(a, header, S("multipart"), S("report"), &content) &&
	       str_eq_nocase(mime_parameter(&content, S("report-type")), S("delivery-status"));
}

/* RFC 3464 2.1, RFC 6533 4 */
static bool is_status(struct arena *a, str header)
{
	struct mime_content content;
	return has_type(a, header, S("message"), S("delivery-status"), &content) ||
	       has_type(a, header, S("message"), S("global-delivery-status"), &content);
}

/* The fields of one recipient, or, in the beginning, of the message. RFC 3464 2.3 */
static void read_group(str group, struct mime_report *out)
{
	struct mime_field field;
	str action = S(""), status = S(""), diagnostic = S("");
	for (size_t at = 0; mime_field_next(group, &at, &field);) {
		str name = str_trim(field.name);
		if (str_eq_nocase(name, S("Action")))
			action = str_trim(field.value);
		else if (str_eq_nocase(name, S("Status")))
			status = str_trim(field.value);
		else if (str_eq_nocase(name, S("Diagnostic-Code")))
			diagnostic = str_trim(field.value);
	}
	if (out->is_undelivered || !str_eq_nocase(action, S("failed")))
		return;
	out->is_undelivered = true;
	out->status = status;
	out->diagnostic = diagnostic;
}

/* Groups of fields with empty lines between them. */
static void read_status(str body, struct mime_report *out)
{
	size_t at = 0;
	while (at < body.n) {
		size_t empty = mime_empty_line(body, at);
		if (empty > 0) {
			at += empty;
			continue;
		}
		str rest = str_after(body, at), group = str_slice(rest, 0, mime_header_size(rest));
		read_group(group, out);
		at += group.n;
	}
}

err mime_report_read(struct arena *a, str message, struct mime_report *out)
{
	struct mime_report r = { .status = S(""), .diagnostic = S("") };
	struct mime_parts parts;
	if (!is_report(a, str_slice(message, 0, mime_header_size(message)))) {
		*out = r;
		return arena_spent(a) ? FAIL(MEMORY) : OK;
	}
	TRY(mime_parts_parse(a, message, &parts));
	r.is_report = true;
	for (uint32_t i = 1; i < parts.n && parts.p[i].end > i; i = parts.p[i].end)
		if (is_status(a, mime_part_header(message, &parts.p[i])))
			read_status(mime_part_body(message, &parts.p[i]), &r);
	if (arena_spent(a))
		return FAIL(MEMORY);
	*out = r;
	return OK;
}
