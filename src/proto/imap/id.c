/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/id.h"

#include "proto/imap/astring.h"
#include "proto/imap/more.h"

static struct imap_id_field field(struct cur *c, struct arena *a)
{
	struct imap_id_field field;
	field.name = imap_string(c, a);
	imap_space(c);
	field.value = imap_nstring(c, a);
	if (field.name.n > IMAP_ID_NAME_MAX || field.value.n > IMAP_ID_VALUE_MAX)
		cur_fail_with(c, FAIL(LIMIT), "a shorter field");
	return field;
}

/* id_params_list = "(" #(string SPACE nstring) ")" / nil, RFC 2971 4 */
err imap_id_parse(struct cur *c, struct arena *a, struct imap_id *out)
{
	struct imap_id id = { 0 };
	struct imap_id_field *fields = NULL;
	if (!imap_take_word(c, S("NIL"))) {
		cur_need_str(c, S("("));
		bool has_more = cur_peek(c) != ')';
		while (cur_ok(c) && has_more) {
			fields = imap_more(a, fields, sizeof *fields, id.count);
			struct imap_id_field next = field(c, a);
			if (id.count == IMAP_ID_FIELDS_MAX)
				cur_fail_with(c, FAIL(LIMIT), "fewer fields");
			if (fields == NULL)
				cur_fail_with(c, FAIL(MEMORY), "less memory");
			if (cur_ok(c))
				fields[id.count++] = next;
			has_more = cur_take(c, ' ');
		}
		cur_need_str(c, S(")"));
	}
	cur_end(c);
	TRY(c->e);
	id.fields = fields;
	*out = id;
	return OK;
}

str imap_id_value(const struct imap_id *id, str name)
{
	for (size_t i = 0; i < id->count; i++)
		if (str_eq_nocase(id->fields[i].name, name))
			return id->fields[i].value;
	return NO_STR;
}

void imap_write_id(struct buf *b, const struct imap_id *id)
{
	if (id->count == 0) {
		buf_add(b, S("NIL"));
		return;
	}
	for (size_t i = 0; i < id->count; i++) {
		buf_byte(b, i == 0 ? '(' : ' ');
		imap_write_string(b, id->fields[i].name);
		buf_byte(b, ' ');
		imap_write_nstring(b, id->fields[i].value);
	}
	buf_byte(b, ')');
}
