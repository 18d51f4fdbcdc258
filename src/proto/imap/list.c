/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/list.h"

#include "proto/imap/astring.h"
#include "proto/imap/mailbox.h"
#include "proto/imap/more.h"
#include "proto/imap/pattern.h"
#include "proto/imap/status.h"

struct option {
	str name;
	unsigned bit;
};

static const struct option selects[] = {
	{ S("SUBSCRIBED"), IMAP_SELECT_SUBSCRIBED },
	{ S("REMOTE"), IMAP_SELECT_REMOTE },
	{ S("RECURSIVEMATCH"), IMAP_SELECT_RECURSIVEMATCH },
	{ S("SPECIAL-USE"), IMAP_SELECT_SPECIAL_USE },
	{ NO_STR, 0 },
};

static const struct option returns[] = {
	{ S("SUBSCRIBED"), IMAP_RETURN_SUBSCRIBED },
	{ S("CHILDREN"), IMAP_RETURN_CHILDREN },
	{ S("SPECIAL-USE"), IMAP_RETURN_SPECIAL_USE },
	{ S("STATUS"), IMAP_RETURN_STATUS },
	{ NO_STR, 0 },
};

static unsigned option(struct cur *c, const struct option *options)
{
	str name = imap_atom(c, "an option");
	for (; cur_ok(c) && options->name.n > 0; options++)
		if (str_eq_nocase(name, options->name))
			return options->bit;
	cur_fail_with(c, FAIL(UNSUPPORTED), "a known option");
	return 0;
}

/* list-select-opts, behind its parenthesis; RFC 5258 6: RECURSIVEMATCH modifies a base option, here SUBSCRIBED */
static unsigned select_options(struct cur *c)
{
	unsigned bits = 0;
	if (cur_take(c, ')'))
		return 0;
	do
		bits |= option(c, selects);
	while (cur_take(c, ' '));
	cur_need_str(c, S(")"));
	if ((bits & IMAP_SELECT_RECURSIVEMATCH) != 0 && (bits & IMAP_SELECT_SUBSCRIBED) == 0)
		cur_fail(c, "SUBSCRIBED with RECURSIVEMATCH");
	return bits;
}

/* list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")", RFC 5258 6, RFC 5819 4 */
static void return_options(struct cur *c, struct imap_list *list)
{
	cur_need_str(c, S("RETURN ("));
	if (cur_take(c, ')'))
		return;
	do {
		unsigned bit = option(c, returns);
		list->returns |= bit;
		if (bit == IMAP_RETURN_STATUS) {
			imap_space(c);
			list->status |= imap_status_items(c);
		}
	} while (cur_take(c, ' '));
	cur_need_str(c, S(")"));
}

static void add_pattern(struct cur *c, struct arena *a, str **patterns, struct imap_list *list)
{
	str pattern = imap_pattern(c, a);
	if (list->count == IMAP_PATTERNS_MAX)
		cur_fail_with(c, FAIL(LIMIT), "fewer patterns");
	*patterns = imap_more(a, *patterns, sizeof pattern, list->count);
	if (*patterns == NULL)
		cur_fail_with(c, FAIL(MEMORY), "less memory");
	if (!cur_ok(c))
		return;
	(*patterns)[list->count++] = pattern;
	list->patterns = *patterns;
}

/* mbox-or-pat = list-mailbox / patterns; patterns = "(" list-mailbox *(SP list-mailbox) ")" */
static void mbox_or_pat(struct cur *c, struct arena *a, struct imap_list *list)
{
	str *patterns = NULL;
	if (!cur_take(c, '(')) {
		add_pattern(c, a, &patterns, list);
		return;
	}
	list->is_extended = true;
	do
		add_pattern(c, a, &patterns, list);
	while (cur_take(c, ' '));
	cur_need_str(c, S(")"));
}

/* list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts] */
err imap_list_parse(struct cur *c, struct arena *a, struct imap_list *out)
{
	struct imap_list list = { 0 };
	if (cur_take(c, '(')) {
		list.is_extended = true;
		list.selects = select_options(c);
		imap_space(c);
	}
	list.reference = imap_mailbox(c, a);
	imap_space(c);
	mbox_or_pat(c, a, &list);
	if (cur_take(c, ' ')) {
		list.is_extended = true;
		return_options(c, &list);
	}
	cur_end(c);
	TRY(c->e);
	*out = list;
	return OK;
}

/* lsub = "LSUB" SP mailbox SP list-mailbox */
err imap_lsub_parse(struct cur *c, struct arena *a, struct imap_list *out)
{
	struct imap_list list = { 0 };
	str *patterns = NULL;
	list.reference = imap_mailbox(c, a);
	imap_space(c);
	add_pattern(c, a, &patterns, &list);
	cur_end(c);
	TRY(c->e);
	*out = list;
	return OK;
}
