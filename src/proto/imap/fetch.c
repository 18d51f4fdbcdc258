/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/fetch.h"

#include "proto/imap/astring.h"
#include "proto/imap/more.h"

enum {
	FAST = IMAP_FETCH_FLAGS | IMAP_FETCH_INTERNALDATE | IMAP_FETCH_SIZE,
	ALL = FAST | IMAP_FETCH_ENVELOPE,
	FULL = ALL | IMAP_FETCH_STRUCTURE,
};

static const struct {
	str name;
	unsigned items;
} macros[] = { { S("ALL"), ALL }, { S("FAST"), FAST }, { S("FULL"), FULL } };

static const struct {
	str name;
	unsigned item;
} items[] = {
	{ S("UID"), IMAP_FETCH_UID },
	{ S("FLAGS"), IMAP_FETCH_FLAGS },
	{ S("INTERNALDATE"), IMAP_FETCH_INTERNALDATE },
	{ S("RFC822.SIZE"), IMAP_FETCH_SIZE },
	{ S("ENVELOPE"), IMAP_FETCH_ENVELOPE },
	{ S("BODY"), IMAP_FETCH_STRUCTURE },
	{ S("BODYSTRUCTURE"), IMAP_FETCH_BODYSTRUCTURE },
};

static const struct {
	str name;
	struct imap_section section;
} old_sections[] = {
	{ S("RFC822"), { .form = IMAP_FORM_RFC822 } },
	{ S("RFC822.HEADER"), { .form = IMAP_FORM_RFC822_HEADER, .text = IMAP_SECTION_HEADER, .is_peek = true } },
	{ S("RFC822.TEXT"), { .form = IMAP_FORM_RFC822_TEXT, .text = IMAP_SECTION_TEXT } },
};

#define EACH(i, table) (size_t i = 0; i < sizeof(table) / sizeof *(table); i++)

static void add_section(struct cur *c, struct arena *a, struct imap_fetch *fetch, struct imap_section **sections,
	struct imap_section section)
{
	if (fetch->section_count == IMAP_SECTIONS_MAX)
		cur_fail_with(c, FAIL(LIMIT), "fewer sections");
	*sections = imap_more(a, *sections, sizeof section, fetch->section_count);
	if (*sections == NULL)
		cur_fail_with(c, FAIL(MEMORY), "less memory");
	if (!cur_ok(c))
		return;
	(*sections)[fetch->section_count++] = section;
	fetch->sections = *sections;
	fetch->sets_seen |= !section.is_peek;
}

/* The name of an item up to its "[", which an atom would take as well. */
static str item_name(struct cur *c)
{
	size_t from = c->at;
	do
		cur_run(c, CH_ALNUM, "a message data item");
	while (cur_take(c, '.'));
	return cur_ok(c) ? cur_since(c, from) : NO_STR;
}

/* fetch-att = "ENVELOPE" / … / "BODY" section ["<" number "." nz-number ">"] / "BODY.PEEK" section […] */
static void fetch_att(
	struct cur *c, struct arena *a, str name, struct imap_fetch *fetch, struct imap_section **sections)
{
	bool is_peek = str_eq_nocase(name, S("BODY.PEEK"));
	if (is_peek || (str_eq_nocase(name, S("BODY")) && cur_peek(c) == '[')) {
		struct imap_section section = imap_section(c, a);
		section.is_peek = is_peek;
		add_section(c, a, fetch, sections, section);
		return;
	}
	for
		EACH(i, items)
	if (str_eq_nocase(name, items[i].name)) {
		fetch->items |= items[i].item;
		return;
	}
	for
		EACH(i, old_sections)
	if (str_eq_nocase(name, old_sections[i].name)) {
		add_section(c, a, fetch, sections, old_sections[i].section);
		return;
	}
	cur_fail(c, "a message data item");
}

static bool macro(str name, struct imap_fetch *fetch)
{
	for
		EACH(i, macros)
	if (str_eq_nocase(name, macros[i].name)) {
		fetch->items = macros[i].items;
		return true;
	}
	return false;
}

/* fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")") */
err imap_fetch_parse(struct cur *c, struct arena *a, struct imap_fetch *out)
{
	struct imap_fetch fetch = { .set = imap_sequence(c, a) };
	struct imap_section *sections = NULL;
	imap_space(c);
	if (cur_take(c, '(')) {
		do
			fetch_att(c, a, item_name(c), &fetch, &sections);
		while (cur_take(c, ' '));
		cur_need_str(c, S(")"));
	} else {
		str name = item_name(c);
		if (!macro(name, &fetch))
			fetch_att(c, a, name, &fetch, &sections);
	}
	cur_end(c);
	TRY(c->e);
	*out = fetch;
	return OK;
}
