/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/create.h"

#include "proto/imap/astring.h"
#include "proto/imap/mailbox.h"

static const struct {
	str text;
	unsigned use;
} uses[] = {
#define IMAP_USE(name, bit, text) { S(text), IMAP_USE_##name },
#include "proto/imap/use.def"
#undef IMAP_USE
};

enum { USES = sizeof uses / sizeof *uses };

/* use-attr = "\All" / … / use-attr-ext; use-attr-ext = "\" atom */
static void use_attr(struct cur *c, struct imap_create *create)
{
	size_t from = c->at;
	cur_need_str(c, S("\\"));
	imap_atom(c, "a special use");
	str name = cur_since(c, from);
	for (size_t i = 0; i < USES; i++)
		if (str_eq_nocase(name, uses[i].text)) {
			create->uses |= uses[i].use;
			return;
		}
	create->has_other_uses = true;
}

/* create-param =/ "USE" SP "(" [use-attr *(SP use-attr)] ")", RFC 6154 6; the parentheses around it are RFC 4466 2.2 */
static void create_param(struct cur *c, struct imap_create *create)
{
	cur_need_str(c, S("(USE ("));
	if (!cur_take(c, ')')) {
		do
			use_attr(c, create);
		while (cur_take(c, ' '));
		cur_need_str(c, S(")"));
	}
	cur_need_str(c, S(")"));
}

/* create = "CREATE" SP mailbox [create-params] */
err imap_create_parse(struct cur *c, struct arena *a, struct imap_create *out)
{
	struct imap_create create = { 0 };
	create.mailbox = imap_mailbox(c, a);
	if (cur_take(c, ' '))
		create_param(c, &create);
	cur_end(c);
	TRY(c->e);
	*out = create;
	return OK;
}

void imap_write_uses(struct buf *b, unsigned set)
{
	bool is_first = true;
	for (size_t i = 0; i < USES; i++)
		if ((set & uses[i].use) != 0) {
			if (!is_first)
				buf_byte(b, ' ');
			is_first = false;
			buf_add(b, uses[i].text);
		}
}
