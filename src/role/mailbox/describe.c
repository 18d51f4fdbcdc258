/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mime/header.h"
#include "proto/mime/imap_text.h"
#include "proto/mime/summary.h"
#include "role/mailbox/mailbox.h"

err describe(struct arena *a, str text, struct message_parts *out)
{
	struct message_parts p = { 0 };
	struct mime_parts parts;
	struct mime_summary summary;
	TRY(mime_parts_parse(a, text, &parts));
	p.header_size = parts.p[0].body_at;
	str header = str_slice(text, 0, p.header_size);
	TRY(mime_envelope(a, header, &p.envelope));
	TRY(mime_bodystructure(a, text, parts, &p.bodystructure));
	TRY(mime_body(a, text, parts, &p.body));
	TRY(mime_parts_pack(a, parts, &p.tree));
	TRY(mime_summarise(a, header, &summary));
	p.has_date = summary.has_date;
	p.date = summary.date.seconds;
	p.date_zone = (int16_t)summary.date.minutes_east;
	p.message_id = summary.message_id;
	p.in_reply_to = summary.in_reply_to;
	p.base_subject = summary.base_subject;
	*out = p;
	return OK;
}
