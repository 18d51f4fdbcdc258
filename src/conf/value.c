/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/value.h"

#include "base/buf.h"

struct unit {
	char letter;
	uint64_t size;
};

/* Largest first. */
static const struct unit size_units[] = { { 'T', 1ULL << 40 }, { 'G', 1ULL << 30 }, { 'M', 1ULL << 20 },
	{ 'K', 1ULL << 10 } };
static const struct unit time_units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
enum { UNITS = 4 };

static err parse_number(str text, const struct unit *units, uint64_t *out)
{
	uint64_t factor = 1, number;
	if (text.n == 0)
		return FAIL(SYNTAX);
	for (size_t i = 0; units != NULL && i < UNITS; i++)
		if (text.p[text.n - 1] == units[i].letter)
			factor = units[i].size;
	if (text.p[text.n - 1] < '0' || text.p[text.n - 1] > '9') {
		if (factor == 1 && !(units == time_units && str_ends(text, S("s"))))
			return FAIL(SYNTAX);
		text.n--;
	}
	TRY(str_number(text, UINT64_MAX, &number));
	if (__builtin_mul_overflow(number, factor, &number))
		return FAIL(LIMIT);
	*out = number;
	return OK;
}

static void write_number(struct buf *b, uint64_t number, const struct unit *units)
{
	for (size_t i = 0; units != NULL && number > 0 && i < UNITS; i++)
		if (number % units[i].size == 0) {
			buf_number(b, number / units[i].size);
			buf_byte(b, units[i].letter);
			return;
		}
	buf_number(b, number);
}

static const struct unit *units_of(const struct conf_setting *s)
{
	return s->type == CONF_size ? size_units : s->type == CONF_seconds ? time_units : NULL;
}

static err parse_bounded(const struct conf_setting *s, str text, uint64_t *place)
{
	uint64_t number;
	TRY(parse_number(text, units_of(s), &number));
	if (number < s->lowest || number > s->highest)
		return FAIL(LIMIT);
	*place = number;
	return OK;
}

static err parse_flag(str text, bool *place)
{
	if (str_eq(text, S("true")) || str_eq(text, S("yes")) || str_eq(text, S("on")) || str_eq(text, S("1")))
		*place = true;
	else if (str_eq(text, S("false")) || str_eq(text, S("no")) || str_eq(text, S("off")) || str_eq(text, S("0")))
		*place = false;
	else
		return FAIL(SYNTAX);
	return OK;
}

/* What a line of the lifeline, of a log and of a header can carry. */
static bool is_printable(str text)
{
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			return false;
	return true;
}

static err copy_text(struct arena *a, str text, str *out)
{
	str copy = arena_copy(a, text);
	if (copy.p == NULL)
		return FAIL(MEMORY);
	*out = copy;
	return OK;
}

static err parse_text(const struct conf_setting *s, struct arena *a, str text, str *place)
{
	if (!is_printable(text))
		return FAIL(SYNTAX);
	if (text.n > s->highest || text.n > CONF_VALUE_MAX)
		return FAIL(LIMIT);
	if (text.n < s->lowest) {
		if (place->p == NULL)
			*place = S("");
		return FAIL(LIMIT);
	}
	return copy_text(a, text, place);
}

str value_choice_word(const struct conf_setting *s, uint64_t position)
{
	str rest = str_of(s->initial), word = NO_STR;
	for (uint64_t i = 0; i <= position; i++)
		if (!str_word(&rest, '|', &word))
			return NO_STR;
	return word;
}

str value_initial(const struct conf_setting *s)
{
	return s->type == CONF_choice ? value_choice_word(s, 0) : str_of(s->initial);
}

static err parse_choice(const struct conf_setting *s, str text, uint64_t *place)
{
	for (uint64_t i = 0; value_choice_word(s, i).p != NULL; i++)
		if (str_eq(text, value_choice_word(s, i))) {
			*place = i;
			return OK;
		}
	return FAIL(SYNTAX);
}

/* The next of the words between blanks; false at the end. */
static bool next_item(str *rest, str *item)
{
	while (str_word(rest, ' ', item))
		if (item->n > 0)
			return true;
	return false;
}

static err count_items(const struct conf_setting *s, str text, size_t *count)
{
	size_t n = 0;
	str item;
	if (!is_printable(text))
		return FAIL(SYNTAX);
	if (text.n > CONF_VALUE_MAX)
		return FAIL(LIMIT);
	while (next_item(&text, &item))
		n++;
	if (n < s->lowest || n > s->highest)
		return FAIL(LIMIT);
	*count = n;
	return OK;
}

static err parse_list(const struct conf_setting *s, struct arena *a, str text, struct conf_list *place)
{
	size_t count;
	TRY(count_items(s, text, &count));
	str *items = NEW(a, str, count + 1), item;
	if (items == NULL)
		return FAIL(MEMORY);
	for (size_t i = 0; next_item(&text, &item); i++)
		TRY(copy_text(a, item, &items[i]));
	*place = (struct conf_list){ items, count };
	return OK;
}

static err parse_networks(const struct conf_setting *s, struct arena *a, str text, struct conf_networks *place)
{
	size_t count;
	str item;
	TRY(count_items(s, text, &count));
	struct network *items = NEW(a, struct network, count + 1);
	if (items == NULL)
		return FAIL(MEMORY);
	for (size_t i = 0; next_item(&text, &item); i++)
		TRY(network_parse(item, &items[i]));
	*place = (struct conf_networks){ items, count };
	return OK;
}

err value_entry_parse(str word, struct conf_entry *out)
{
	struct conf_entry e = { .value = word };
	if (!str_cut(&e.value, '=', &e.name))
		return FAIL(SYNTAX);
	str path = e.name;
	if (!str_cut(&path, '/', &e.name))
		path = S("");
	else if (path.n == 0)
		return FAIL(SYNTAX);
	e.key = path;
	if (e.name.n == 0 || e.value.n == 0 || str_find(path, '/') != STR_NONE)
		return FAIL(SYNTAX);
	*out = e;
	return OK;
}

const str *conf_map_find(const struct conf_map *map, str name, str key)
{
	for (size_t i = 0; i < map->count; i++)
		if (str_eq_nocase(map->items[i].name, name) && str_eq(map->items[i].key, key))
			return &map->items[i].value;
	return NULL;
}

static err parse_map(const struct conf_setting *s, struct arena *a, str text, struct conf_map *place)
{
	size_t count;
	str item;
	TRY(count_items(s, text, &count));
	struct conf_entry *items = NEW(a, struct conf_entry, count + 1);
	str copy = arena_copy(a, text);
	if (items == NULL || copy.p == NULL)
		return FAIL(MEMORY);
	for (size_t i = 0; next_item(&copy, &item); i++) {
		TRY(value_entry_parse(item, &items[i]));
		if (conf_map_find(&(const struct conf_map){ items, i }, items[i].name, items[i].key) != NULL)
			return FAIL(SYNTAX);
	}
	*place = (struct conf_map){ items, count };
	return OK;
}

err value_parse(const struct conf_setting *s, struct arena *a, str text, void *place)
{
	switch (s->type) {
	case CONF_size:
	case CONF_seconds:
	case CONF_count:
		return parse_bounded(s, text, place);
	case CONF_flag:
		return parse_flag(text, place);
	case CONF_text:
		return parse_text(s, a, text, place);
	case CONF_choice:
		return parse_choice(s, text, place);
	case CONF_list:
		return parse_list(s, a, text, place);
	case CONF_networks:
		return parse_networks(s, a, text, place);
	case CONF_map:
		return parse_map(s, a, text, place);
	}
	return FAIL(UNSUPPORTED);
}

static void write_list(struct buf *b, const struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		buf_add(b, i > 0 ? S(" ") : S(""));
		buf_add(b, list->items[i]);
	}
}

static void write_networks(struct buf *b, const struct conf_networks *networks)
{
	for (size_t i = 0; i < networks->count; i++) {
		buf_add(b, i > 0 ? S(" ") : S(""));
		network_write(b, &networks->items[i]);
	}
}

static void write_map(struct buf *b, const struct conf_map *map)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct conf_entry *e = &map->items[i];
		buf_addf(b, "%s%.*s%s%.*s=", i > 0 ? " " : "", ARG(e->name), e->key.n > 0 ? "/" : "", ARG(e->key));
		buf_add(b, e->value);
	}
}

void value_write(struct buf *b, const struct conf_setting *s, const void *place)
{
	switch (s->type) {
	case CONF_size:
	case CONF_seconds:
	case CONF_count:
		write_number(b, *(const uint64_t *)place, units_of(s));
		break;
	case CONF_flag:
		buf_add(b, *(const bool *)place ? S("true") : S("false"));
		break;
	case CONF_text:
		buf_add(b, *(const str *)place);
		break;
	case CONF_choice:
		buf_add(b, value_choice_word(s, *(const uint64_t *)place));
		break;
	case CONF_list:
		write_list(b, place);
		break;
	case CONF_networks:
		write_networks(b, place);
		break;
	case CONF_map:
		write_map(b, place);
		break;
	}
}

static void write_range(struct buf *b, const char *what, const struct conf_setting *s)
{
	buf_addf(b, "%s from ", what);
	write_number(b, s->lowest, units_of(s));
	buf_add(b, S(" to "));
	write_number(b, s->highest, units_of(s));
}

static void write_words(struct buf *b, const struct conf_setting *s)
{
	buf_add(b, S("one of"));
	for (uint64_t i = 0; value_choice_word(s, i).p != NULL; i++)
		buf_addf(b, "%s %.*s", i > 0 ? "," : "", ARG(value_choice_word(s, i)));
}

void value_expected(struct buf *b, const struct conf_setting *s)
{
	switch (s->type) {
	case CONF_size:
		write_range(b, "a size (as 50M or 1G)", s);
		break;
	case CONF_seconds:
		write_range(b, "a duration (as 30s, 5m, 4h, 5d)", s);
		break;
	case CONF_count:
		write_range(b, "a number", s);
		break;
	case CONF_flag:
		buf_add(b, S("true or false"));
		break;
	case CONF_text:
		write_range(b, "a text of one line, its length", s);
		break;
	case CONF_choice:
		write_words(b, s);
		break;
	case CONF_list:
		write_range(b, "a list of words, their number", s);
		break;
	case CONF_networks:
		write_range(b,
			"a list of networks (as 192.0.2.0/24 or 2001:db8::/32, no bits set below the mask), their "
			"number",
			s);
		break;
	case CONF_map:
		write_range(b,
			"a table of lines \"name: value\" (or words NAME=VALUE), none twice, the number of values", s);
		break;
	}
}
