/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/section.h"

#include "proto/imap/astring.h"
#include "proto/imap/more.h"

static const struct {
	str name;
	enum imap_section_text text;
} texts[] = {
	{ S("HEADER.FIELDS.NOT"), IMAP_SECTION_FIELDS_NOT },
	{ S("HEADER.FIELDS"), IMAP_SECTION_FIELDS },
	{ S("HEADER"), IMAP_SECTION_HEADER },
	{ S("TEXT"), IMAP_SECTION_TEXT },
	{ S("MIME"), IMAP_SECTION_MIME },
};

enum { TEXTS = sizeof texts / sizeof *texts };

/* header-fld-name = astring; what cannot be a field's name (RFC 5322 3.6.8) is not asked for by mistake only */
static str field_name(struct cur *c, struct arena *a)
{
	str name = imap_astring(c, a);
	if (cur_ok(c) && (name.n == 0 || !str_is(CH_FTEXT, name)))
		cur_fail(c, "a header field name");
	return name;
}

/* header-list = "(" header-fld-name *(SP header-fld-name) ")" */
static void header_list(struct cur *c, struct arena *a, struct imap_section *section)
{
	str *fields = NULL;
	imap_space(c);
	cur_need_str(c, S("("));
	do {
		str name = field_name(c, a);
		fields = imap_more(a, fields, sizeof *fields, section->field_count);
		if (fields == NULL)
			cur_fail_with(c, FAIL(MEMORY), "less memory");
		if (section->field_count == IMAP_SECTION_FIELDS_MAX)
			cur_fail_with(c, FAIL(LIMIT), "fewer header fields");
		if (cur_ok(c))
			fields[section->field_count++] = name;
	} while (cur_take(c, ' '));
	cur_need_str(c, S(")"));
	section->fields = fields;
}

/* section-msgtext = "HEADER" / "HEADER.FIELDS" [".NOT"] SP header-list / "TEXT"; section-text = section-msgtext / "MIME" */
static void section_text(struct cur *c, struct arena *a, struct imap_section *section)
{
	size_t i = 0;
	while (i < TEXTS && !cur_take_str(c, texts[i].name))
		i++;
	if (i == TEXTS || (texts[i].text == IMAP_SECTION_MIME && section->part_count == 0)) {
		cur_fail(c, "HEADER, TEXT or a part of the message");
		return;
	}
	section->text = texts[i].text;
	if (section->text == IMAP_SECTION_FIELDS || section->text == IMAP_SECTION_FIELDS_NOT)
		header_list(c, a, section);
}

static bool digit_is_next(const struct cur *c)
{
	int byte = cur_peek(c);
	return byte >= '0' && byte <= '9';
}

/* section-part = nz-number *("." nz-number). True when a text follows the last dot. */
static bool section_part(struct cur *c, struct arena *a, struct imap_section *section)
{
	uint32_t parts[IMAP_PARTS_MAX];
	bool has_dot = true;
	while (has_dot && digit_is_next(c)) {
		if (section->part_count == IMAP_PARTS_MAX)
			cur_fail_with(c, FAIL(LIMIT), "a shorter part number");
		else
			parts[section->part_count++] = imap_nz_number(c);
		has_dot = cur_take(c, '.');
	}
	if (section->part_count == 0 || !cur_ok(c))
		return has_dot;
	uint32_t *kept = NEW(a, uint32_t, section->part_count);
	if (kept == NULL)
		cur_fail_with(c, FAIL(MEMORY), "less memory");
	else
		memcpy(kept, parts, section->part_count * sizeof *kept);
	section->parts = kept;
	return has_dot;
}

/* partial = "<" number64 "." nz-number64 ">" */
static void partial(struct cur *c, struct imap_section *section)
{
	if (!cur_take(c, '<'))
		return;
	section->is_partial = true;
	section->offset = cur_number(c, INT64_MAX);
	cur_need_str(c, S("."));
	section->length = cur_number(c, INT64_MAX);
	if (cur_ok(c) && section->length == 0)
		cur_fail(c, "a number above 0");
	cur_need_str(c, S(">"));
}

/* section = "[" [section-spec] "]"; section-spec = section-msgtext / (section-part ["." section-text]) */
struct imap_section imap_section(struct cur *c, struct arena *a)
{
	struct imap_section section = { 0 };
	cur_need_str(c, S("["));
	if (cur_ok(c) && !cur_take(c, ']')) {
		if (section_part(c, a, &section))
			section_text(c, a, &section);
		cur_need_str(c, S("]"));
	}
	partial(c, &section);
	return cur_ok(c) ? section : (struct imap_section){ 0 };
}

static void write_text(struct buf *b, const struct imap_section *section)
{
	for (size_t i = 0; i < TEXTS; i++)
		if (texts[i].text == section->text)
			buf_add(b, texts[i].name);
	if (section->text != IMAP_SECTION_FIELDS && section->text != IMAP_SECTION_FIELDS_NOT)
		return;
	buf_add(b, S(" ("));
	for (size_t i = 0; i < section->field_count; i++) {
		if (i > 0)
			buf_byte(b, ' ');
		imap_write_astring(b, section->fields[i]);
	}
	buf_byte(b, ')');
}

void imap_write_section(struct buf *b, const struct imap_section *section)
{
	static const str old_names[] = {
		[IMAP_FORM_RFC822] = S("RFC822"),
		[IMAP_FORM_RFC822_HEADER] = S("RFC822.HEADER"),
		[IMAP_FORM_RFC822_TEXT] = S("RFC822.TEXT"),
	};
	if (section->form != IMAP_FORM_BODY) {
		buf_add(b, old_names[section->form]);
		return;
	}
	buf_add(b, S("BODY["));
	for (size_t i = 0; i < section->part_count; i++) {
		if (i > 0)
			buf_byte(b, '.');
		buf_number(b, section->parts[i]);
	}
	if (section->part_count > 0 && section->text != IMAP_SECTION_ALL)
		buf_byte(b, '.');
	write_text(b, section);
	buf_byte(b, ']');
	if (section->is_partial) {
		buf_byte(b, '<');
		buf_number(b, section->offset);
		buf_byte(b, '>');
	}
}
