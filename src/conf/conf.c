/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings, and the values in struct conf found through it: a row knows where its value lies. */
#include "conf/conf.h"

#include "base/buf.h"
#include "conf/value.h"

#define INITIAL_size(x) #x
#define INITIAL_seconds(x) #x
#define INITIAL_count(x) #x
#define INITIAL_flag(x) #x
#define INITIAL_text(x) x
#define INITIAL_choice(x) x
#define INITIAL_list(x) x
#define INITIAL_networks(x) x
#define INITIAL_map(x) x
#define TEXT_OF(x) TEXT_OF_(x)
#define TEXT_OF_(x) #x

const struct conf_setting conf_settings[CONF_SETTINGS] = {
#define SETTING(type, name, initial, lowest, highest, help)                                                         \
	{ TEXT_OF(IN_SECTION), #name, CONF_##type, offsetof(struct conf, IN_SECTION.name), INITIAL_##type(initial), \
		(lowest), (highest), help },
#include "conf/all.inc"
#undef SETTING
};

static const char *const sections[] = {
#define SECTION(name) #name,
#include "conf/sections.def"
#undef SECTION
};

bool conf_has_section(str section)
{
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
		if (str_eq(section, str_of(sections[i])))
			return true;
	return false;
}

const struct conf_setting *conf_find(str section, str name)
{
	for (size_t i = 0; i < CONF_SETTINGS; i++)
		if (str_eq(section, str_of(conf_settings[i].section)) && str_eq(name, str_of(conf_settings[i].name)))
			return &conf_settings[i];
	return NULL;
}

static void *place(struct conf *conf, const struct conf_setting *s) { return (char *)conf + s->at; }
static const void *place_in(const struct conf *conf, const struct conf_setting *s)
{
	return (const char *)conf + s->at;
}

err conf_init(struct conf *conf, struct arena *a)
{
	struct conf fresh = { 0 };
	for (size_t i = 0; i < CONF_SETTINGS; i++) {
		const struct conf_setting *s = &conf_settings[i];
		err e = value_parse(s, a, value_initial(s), place(&fresh, s));
		if (failed(e) && e.code != ERR_LIMIT)
			return e;
	}
	if (arena_spent(a))
		return FAIL(MEMORY);
	*conf = fresh;
	return OK;
}

static void expect(str *expected, struct arena *a, const struct conf_setting *s)
{
	if (expected == NULL)
		return;
	struct buf b = buf_in(a, VALUE_PHRASE_MAX);
	value_expected(&b, s);
	*expected = buf_str(&b);
}

err conf_set(struct conf *conf, struct arena *a, str section, str name, str value, str *expected)
{
	const struct conf_setting *s = conf_find(section, name);
	if (s == NULL)
		return FAIL(ABSENT);
	err e = value_parse(s, a, value, place(conf, s));
	if (failed(e))
		expect(expected, a, s);
	return e;
}

void conf_write(struct buf *b, const struct conf *conf, const struct conf_setting *s)
{
	value_write(b, s, place_in(conf, s));
}

bool conf_is_given(const struct conf *conf, const struct conf_setting *s)
{
	const str *text = place_in(conf, s);
	return s->type != CONF_text || text->n >= s->lowest;
}

err conf_each(const struct conf *conf, str section, void (*line)(void *to, str text), void *to)
{
	char room[CONF_VALUE_MAX + 128];
	if (!conf_has_section(section))
		return FAIL(ABSENT);
	for (size_t i = 0; i < CONF_SETTINGS; i++) {
		const struct conf_setting *s = &conf_settings[i];
		struct buf b = BUF_ON(room);
		if (!str_eq(section, str_of(s->section)) || !conf_is_given(conf, s))
			continue;
		buf_addf(&b, "%s.%s=", s->section, s->name);
		conf_write(&b, conf, s);
		line(to, buf_str(&b));
	}
	return OK;
}

err conf_set_line(struct conf *conf, struct arena *a, str line, str *expected)
{
	str value = line, path, section;
	if (!str_cut(&value, '=', &path))
		return FAIL(SYNTAX);
	str name = path;
	if (!str_cut(&name, '.', &section))
		return FAIL(ABSENT);
	return conf_set(conf, a, section, name, value, expected);
}
