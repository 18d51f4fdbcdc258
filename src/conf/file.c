/* SPDX-License-Identifier: Apache-2.0 */
/* libyaml makes nodes with line numbers; here they are matched against the table of settings. A mistake is told and
 * reading goes on, so that one run shows them all. */
#include "conf/file.h"

#include "base/buf.h"
#include "base/chars.h"
#include "conf/check.h"
#include "conf/nearest.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

enum { SHOWN_MAX = 80, MISTAKE_MAX = 1200, BY_OVERRIDE = -1 };

struct reader {
	const struct conf_source *source;
	struct arena *arena;
	struct conf *conf;
	yaml_document_t document;
	long lines[CONF_SETTINGS]; /* where each was set; 0: nowhere */
	size_t mistakes;
	struct told { /* until all are known: they are told in the order of their lines */
		long line;
		str text;
	} told[CONF_MISTAKES_MAX];
	size_t told_count;
	bool memory;
	bool unreadable; /* what else is missing in it says nothing */
};

static void __attribute__((format(printf, 3, 4))) mistake(struct reader *r, long line, const char *format, ...)
{
	char words[MISTAKE_MAX], room[MISTAKE_MAX + 256];
	struct buf b = BUF_ON(room);
	va_list list;
	if (++r->mistakes > CONF_MISTAKES_MAX)
		return;
	va_start(list, format);
	vsnprintf(words, sizeof words, format, list);
	va_end(list);
	str name = str_slice(r->source->name, 0, 200);
	if (line == BY_OVERRIDE)
		buf_addf(&b, "--set: %s", words);
	else if (line == 0)
		buf_addf(&b, "%.*s: %s", ARG(name), words);
	else
		buf_addf(&b, "%.*s:%ld: %s", ARG(name), line, words);
	str text = arena_copy(r->arena, buf_str(&b));
	if (text.p == NULL)
		r->memory = true;
	else
		r->told[r->told_count++] = (struct told){ line, text };
}

/* What stands in no line of the file comes behind the rest. */
static bool is_after(const struct told *a, const struct told *b)
{
	return (a->line > 0 ? a->line : LONG_MAX) > (b->line > 0 ? b->line : LONG_MAX);
}

static void tell_all(struct reader *r)
{
	for (size_t i = 1; i < r->told_count; i++) {
		struct told moved = r->told[i];
		size_t at = i;
		for (; at > 0 && is_after(&r->told[at - 1], &moved); at--)
			r->told[at] = r->told[at - 1];
		r->told[at] = moved;
	}
	for (size_t i = 0; i < r->told_count; i++)
		r->source->mistake(r->source->to, r->told[i].text);
	if (r->mistakes >= CONF_MISTAKES_MAX)
		r->source->mistake(r->source->to, S("there may be more mistakes"));
}

/* A text of the file as a message can show it. */
static str shown(struct reader *r, str text)
{
	struct buf b = buf_in(r->arena, SHOWN_MAX + 4);
	for (size_t i = 0; i < text.n && i < SHOWN_MAX; i++)
		buf_byte(&b, (unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f ? '?' : text.p[i]);
	if (text.n > SHOWN_MAX)
		buf_add(&b, S("..."));
	return buf_str(&b);
}

static long line_of(const yaml_node_t *n) { return (long)n->start_mark.line + 1; }

static str scalar_of(const yaml_node_t *n)
{
	return str_from((const char *)n->data.scalar.value, n->data.scalar.length);
}

static bool is_nothing(const yaml_node_t *n)
{
	if (n->type != YAML_SCALAR_NODE || n->data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return false;
	str text = scalar_of(n);
	return text.n == 0 || str_eq(text, S("~")) || str_eq(text, S("null"));
}

static void unknown_section(struct reader *r, long line, str section)
{
	struct nearest near = nearest_to(section);
	for (size_t i = 0; i < CONF_SETTINGS; i++)
		nearest_try(&near, str_of(conf_settings[i].section));
	if (near.found.n > 0)
		mistake(r, line, "there is no section \"%.*s\"; did you mean \"%.*s\"?", ARG(shown(r, section)),
			ARG(near.found));
	else
		mistake(r, line, "there is no section \"%.*s\"", ARG(shown(r, section)));
}

/* A name of another section was perhaps put into the wrong one; otherwise the nearest of this one. */
static void unknown_setting(struct reader *r, long line, str section, str name)
{
	struct nearest near = nearest_to(name);
	for (size_t i = 0; i < CONF_SETTINGS; i++) {
		const struct conf_setting *s = &conf_settings[i];
		if (str_eq(name, str_of(s->name))) {
			mistake(r, line, "%.*s has no setting \"%s\"; did you mean %s.%s?", ARG(section), s->name,
				s->section, s->name);
			return;
		}
		if (str_eq(section, str_of(s->section)))
			nearest_try(&near, str_of(s->name));
	}
	if (near.found.n > 0)
		mistake(r, line, "%.*s has no setting \"%.*s\"; did you mean \"%.*s\"?", ARG(section),
			ARG(shown(r, name)), ARG(near.found));
	else
		mistake(r, line, "%.*s has no setting \"%.*s\"", ARG(section), ARG(shown(r, name)));
}

static void set(struct reader *r, long line, const struct conf_setting *s, str value)
{
	str expected = NO_STR;
	err e = conf_set(r->conf, r->arena, str_of(s->section), str_of(s->name), value, &expected);
	if (e.code == ERR_MEMORY)
		r->memory = true;
	else if (failed(e))
		mistake(r, line, "%s.%s: \"%.*s\" is not %.*s", s->section, s->name, ARG(shown(r, value)),
			ARG(expected));
	r->lines[s - conf_settings] = line;
}

/* One item of a list as it may stand beside others. False: it was told. */
static bool item_is_good(struct reader *r, const struct conf_setting *s, const yaml_node_t *item)
{
	struct network network;
	if (item->type != YAML_SCALAR_NODE || is_nothing(item)) {
		mistake(r, line_of(item), "%s.%s: an item of the list is not a word", s->section, s->name);
		return false;
	}
	str text = scalar_of(item);
	if (s->type == CONF_networks && failed(network_parse(text, &network))) {
		mistake(r, line_of(item),
			"%s.%s: \"%.*s\" is not a network (as 192.0.2.0/24 or 2001:db8::/32) without bits below its "
			"mask",
			s->section, s->name, ARG(shown(r, text)));
		return false;
	}
	if (text.n == 0 || str_find(text, ' ') != STR_NONE) {
		mistake(r, line_of(item), "%s.%s: \"%.*s\" is not one word", s->section, s->name, ARG(shown(r, text)));
		return false;
	}
	return true;
}

static void read_list(struct reader *r, const struct conf_setting *s, yaml_node_t *n)
{
	struct buf all = buf_in(r->arena, CONF_VALUE_MAX);
	bool good = true;
	for (yaml_node_item_t *at = n->data.sequence.items.start; at < n->data.sequence.items.top; at++) {
		yaml_node_t *item = yaml_document_get_node(&r->document, *at);
		if (!item_is_good(r, s, item)) {
			good = false;
			continue;
		}
		buf_add(&all, all.n > 0 ? S(" ") : S(""));
		buf_add(&all, scalar_of(item));
	}
	r->lines[s - conf_settings] = line_of(n);
	if (all.lost)
		mistake(r, line_of(n), "%s.%s: the list is too long", s->section, s->name);
	else if (good)
		set(r, line_of(n), s, buf_str(&all));
}

/* A part of a map's text: a word, or several with commas between. False: it was told. */
static bool add_value(struct reader *r, const struct conf_setting *s, const yaml_node_t *n, struct buf *all)
{
	if (n->type != YAML_SEQUENCE_NODE) {
		if (!item_is_good(r, s, n))
			return false;
		buf_add(all, scalar_of(n));
		return true;
	}
	for (yaml_node_item_t *at = n->data.sequence.items.start; at < n->data.sequence.items.top; at++) {
		const yaml_node_t *item = yaml_document_get_node(&r->document, *at);
		if (!item_is_good(r, s, item))
			return false;
		buf_add(all, at > n->data.sequence.items.start ? S(",") : S(""));
		buf_add(all, scalar_of(item));
	}
	return true;
}

static bool add_entry(
	struct reader *r, const struct conf_setting *s, const yaml_node_pair_t *pair, str name, struct buf *all)
{
	const yaml_node_t *key = yaml_document_get_node(&r->document, pair->key);
	if (!item_is_good(r, s, key))
		return false;
	if (str_find(scalar_of(key), '/') != STR_NONE || str_find(scalar_of(key), '=') != STR_NONE) {
		mistake(r, line_of(key), "%s.%s: \"%.*s\" is not a name", s->section, s->name,
			ARG(shown(r, scalar_of(key))));
		return false;
	}
	buf_add(all, all->n > 0 ? S(" ") : S(""));
	buf_add(all, name);
	buf_add(all, name.n > 0 ? S("/") : S(""));
	buf_add(all, scalar_of(key));
	buf_byte(all, '=');
	return add_value(r, s, yaml_document_get_node(&r->document, pair->value), all);
}

static void read_map(struct reader *r, const struct conf_setting *s, yaml_node_t *n)
{
	struct buf all = buf_in(r->arena, CONF_VALUE_MAX);
	bool good = true;
	for (yaml_node_pair_t *at = n->data.mapping.pairs.start; at < n->data.mapping.pairs.top; at++) {
		const yaml_node_t *key = yaml_document_get_node(&r->document, at->key);
		const yaml_node_t *value = yaml_document_get_node(&r->document, at->value);
		if (value->type != YAML_MAPPING_NODE) {
			good = add_entry(r, s, at, NO_STR, &all) && good;
			continue;
		}
		if (!item_is_good(r, s, key)) {
			good = false;
			continue;
		}
		for (yaml_node_pair_t *in = value->data.mapping.pairs.start; in < value->data.mapping.pairs.top; in++)
			good = add_entry(r, s, in, scalar_of(key), &all) && good;
	}
	r->lines[s - conf_settings] = line_of(n);
	if (all.lost)
		mistake(r, line_of(n), "%s.%s: the table is too long", s->section, s->name);
	else if (good)
		set(r, line_of(n), s, buf_str(&all));
}

static void read_setting(struct reader *r, str section, yaml_node_t *key, yaml_node_t *value)
{
	str name = scalar_of(key);
	const struct conf_setting *s = conf_find(section, name);
	bool takes_list = s != NULL && (s->type == CONF_list || s->type == CONF_networks);
	if (s == NULL)
		unknown_setting(r, line_of(key), section, name);
	else if (r->lines[s - conf_settings] != 0)
		mistake(r, line_of(key), "%s.%s is set a second time; the first is in line %ld", s->section, s->name,
			r->lines[s - conf_settings]);
	else if (value->type == YAML_SEQUENCE_NODE && takes_list)
		read_list(r, s, value);
	else if (value->type == YAML_MAPPING_NODE && s->type == CONF_map)
		read_map(r, s, value);
	else if (is_nothing(value) && (takes_list || s->type == CONF_map || s->type == CONF_text))
		set(r, line_of(key), s, S(""));
	else if (value->type == YAML_SCALAR_NODE)
		set(r, line_of(value), s, scalar_of(value));
	else
		mistake(r, line_of(key), "%s.%s takes a single value", s->section, s->name);
}

/* False: this key cannot be a name, which was told. */
static bool is_name(struct reader *r, const yaml_node_t *key)
{
	if (key->type != YAML_SCALAR_NODE)
		mistake(r, line_of(key), "a name was expected here");
	return key->type == YAML_SCALAR_NODE;
}

static void read_section(struct reader *r, yaml_node_t *key, yaml_node_t *body)
{
	str section = scalar_of(key);
	const struct conf_setting *whole = conf_find(section, S("table"));
	if (!conf_has_section(section))
		unknown_section(r, line_of(key), section);
	else if (body->type == YAML_MAPPING_NODE && whole != NULL)
		read_map(r, whole, body); /* the section is one table, of names that we do not know */
	else if (body->type == YAML_MAPPING_NODE)
		for (yaml_node_pair_t *at = body->data.mapping.pairs.start; at < body->data.mapping.pairs.top; at++) {
			yaml_node_t *name = yaml_document_get_node(&r->document, at->key);
			if (is_name(r, name))
				read_setting(r, section, name, yaml_document_get_node(&r->document, at->value));
		}
	else if (!is_nothing(body))
		mistake(r, line_of(key), "section %.*s must hold lines \"name: value\", indented", ARG(section));
}

static void read_sections(struct reader *r)
{
	yaml_node_t *root = yaml_document_get_root_node(&r->document);
	if (root == NULL || is_nothing(root))
		return;
	if (root->type != YAML_MAPPING_NODE) {
		mistake(r, line_of(root), "sections were expected here, as \"server:\"");
		return;
	}
	for (yaml_node_pair_t *at = root->data.mapping.pairs.start; at < root->data.mapping.pairs.top; at++) {
		yaml_node_t *key = yaml_document_get_node(&r->document, at->key);
		if (is_name(r, key))
			read_section(r, key, yaml_document_get_node(&r->document, at->value));
	}
}

/* Whether the line begins with blanks among which there is a tab: YAML 1.2 6.1. */
static bool has_tab_indent(str text, size_t line)
{
	str rest = text, at = S("");
	for (size_t i = 0; i <= line; i++)
		if (!str_word(&rest, '\n', &at))
			return false;
	return str_find(str_slice(at, 0, char_run(CH_WSP, at)), '\t') != STR_NONE;
}

static void not_yaml(struct reader *r, const yaml_parser_t *parser)
{
	const char *problem = parser->problem != NULL ? parser->problem : "the text cannot be read";
	r->unreadable = true;
	if (parser->error == YAML_SCANNER_ERROR && has_tab_indent(r->source->text, parser->problem_mark.line)) {
		mistake(r, (long)parser->problem_mark.line + 1,
			"this is not YAML: tabs are not allowed for indentation; use spaces");
		return;
	}
	mistake(r, parser->error == YAML_READER_ERROR ? 0 : (long)parser->problem_mark.line + 1, "this is not YAML: %s",
		problem);
}

static void read_text(struct reader *r)
{
	yaml_parser_t parser;
	if (r->source->text.n > CONF_FILE_MAX) {
		mistake(r, 0, "the file is larger than %d bytes", CONF_FILE_MAX);
		return;
	}
	if (!yaml_parser_initialize(&parser)) {
		r->memory = true;
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)r->source->text.p, r->source->text.n);
	if (yaml_parser_load(&parser, &r->document)) {
		read_sections(r);
		bool has_root = yaml_document_get_root_node(&r->document) != NULL;
		yaml_document_delete(&r->document);
		if (has_root && yaml_parser_load(&parser, &r->document)) {
			if (yaml_document_get_root_node(&r->document) != NULL)
				mistake(r, 0, "there is a second YAML document in the file");
			yaml_document_delete(&r->document);
		} else if (has_root)
			not_yaml(r, &parser);
	} else
		not_yaml(r, &parser);
	yaml_parser_delete(&parser);
}

static void read_override(struct reader *r, str line)
{
	str value = line, path, section;
	if (!str_cut(&value, '=', &path) || str_find(path, '.') == STR_NONE) {
		mistake(r, BY_OVERRIDE, "\"%.*s\" is not SECTION.NAME=VALUE", ARG(shown(r, line)));
		return;
	}
	str name = path;
	(void)str_cut(&name, '.', &section);
	const struct conf_setting *s = conf_find(section, name);
	if (s != NULL)
		set(r, BY_OVERRIDE, s, value);
	else if (!conf_has_section(section))
		unknown_section(r, BY_OVERRIDE, section);
	else
		unknown_setting(r, BY_OVERRIDE, section, name);
}

static void contradiction(void *to, const struct conf_setting *s, str text)
{
	struct reader *r = to;
	mistake(r, r->lines[s - conf_settings], "%s.%s: %.*s", s->section, s->name, ARG(text));
}

err conf_read(const struct conf_source *source, struct arena *a, struct conf *out)
{
	struct conf conf;
	struct reader r = { .source = source, .arena = a, .conf = &conf };
	TRY(conf_init(&conf, a));
	read_text(&r);
	for (size_t i = 0; i < source->overrides_count; i++)
		read_override(&r, source->overrides[i]);
	for (size_t i = 0; i < CONF_SETTINGS; i++)
		if (!r.unreadable && !conf_is_given(&conf, &conf_settings[i]) && r.lines[i] == 0)
			mistake(&r, 0, "%s.%s must be set: %s", conf_settings[i].section, conf_settings[i].name,
				conf_settings[i].help);
	(void)conf_check(&conf, contradiction, &r); /* each is counted as it is told */
	tell_all(&r);
	if (r.memory || arena_spent(a))
		return FAIL(MEMORY);
	if (r.mistakes > 0 && !source->forgiving)
		return FAIL(SYNTAX);
	*out = conf;
	return OK;
}
