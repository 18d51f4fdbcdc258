/* SPDX-License-Identifier: Apache-2.0 */
/* The settings. Each is one row of conf/<section>.def: type, name, default, bounds, help; the struct below, the table
 * that parses and checks, the manual page and the lines a process is sent all come from those rows. */
#pragma once
#include "base/address.h"
#include "base/arena.h"
#include "base/str.h"

struct buf;

/* The C types of the setting types. */
typedef uint64_t conf_size;    /* bytes; the file may say 50M */
typedef uint64_t conf_seconds; /* the file may say 5m, 4h, 5d */
typedef uint64_t conf_count;
typedef bool conf_flag;
typedef str conf_text;        /* bounds: shortest, longest */
typedef uint64_t conf_choice; /* position in the list of words "a|b|c", which is the default column; a is the default */
struct conf_list {
	const str *items;
	size_t count;
};
struct conf_networks {
	const struct network *items;
	size_t count;
};
/* A table, "name: value" or "name: {key: value}"; a list as a value stands with commas between its items. */
struct conf_entry {
	str name, key, value; /* key is empty where the value stands beside the name */
};
struct conf_map {
	const struct conf_entry *items;
	size_t count;
};
typedef struct conf_list conf_list;         /* default column: words separated by spaces; bounds: fewest, most */
typedef struct conf_networks conf_networks; /* the same */
typedef struct conf_map conf_map;           /* the same, with words NAME=VALUE and NAME/KEY=VALUE */

#define SETTING(type, name, initial, lowest, highest, help) conf_##type name;
struct conf_server {
#include "conf/server.def"
};
struct conf_log {
#include "conf/log.def"
};
struct conf_confinement {
#include "conf/confinement.def"
};
struct conf_tls {
#include "conf/tls.def"
};
struct conf_accounts {
#include "conf/accounts.def"
};
struct conf_login {
#include "conf/login.def"
};
struct conf_smtp {
#include "conf/smtp.def"
};
struct conf_relay {
#include "conf/relay.def"
};
struct conf_local {
#include "conf/local.def"
};
struct conf_forward {
#include "conf/forward.def"
};
struct conf_queue {
#include "conf/queue.def"
};
struct conf_imap {
#include "conf/imap.def"
};
struct conf_mailbox {
#include "conf/mailbox.def"
};
struct conf_resolver {
#include "conf/resolver.def"
};
struct conf_sender {
#include "conf/sender.def"
};
struct conf_routes {
#include "conf/routes.def"
};
struct conf_edge {
#include "conf/edge.def"
};
#undef SETTING

struct conf {
#define SECTION(name) struct conf_##name name;
#include "conf/sections.def"
#undef SECTION
};

/* One row of a .def file. */
enum conf_type {
	CONF_size,
	CONF_seconds,
	CONF_count,
	CONF_flag,
	CONF_text,
	CONF_choice,
	CONF_list,
	CONF_networks,
	CONF_map
};
struct conf_setting {
	const char *section, *name;
	enum conf_type type;
	size_t at; /* where in struct conf */
	const char *initial;
	uint64_t lowest, highest;
	const char *help;
};
enum {
#define SETTING(type, name, initial, lowest, highest, help) +1
	CONF_SETTINGS = 0
#include "conf/all.inc"
#undef SETTING
};
extern const struct conf_setting conf_settings[CONF_SETTINGS];

/* The most messages a minute that a route can name: one each millisecond. */
enum { CONF_RATE_MAX = 60000 };

/* What a map says of a name (and key, or empty); NULL: nothing. */
const str *conf_map_find(const struct conf_map *map, str name, str key);

/* The longest value as text: with its name it fits into one message of the lifeline. */
enum { CONF_VALUE_MAX = 8000 };

/* All settings at their defaults; lists and texts live in the arena. ERR_MEMORY. A default that is out of its own bounds
 * (server.hostname) says that the setting must be given. */
err conf_init(struct conf *conf, struct arena *a);

/* Sets one. ERR_ABSENT: no such section or name; ERR_SYNTAX: not of that type; ERR_LIMIT: out of bounds; ERR_MEMORY. conf
 * is unchanged then, and *expected is a phrase that says what would be right, in the arena. expected may be NULL. */
err conf_set(struct conf *conf, struct arena *a, str section, str name, str value, str *expected);

/* NULL: no such section or name. */
const struct conf_setting *conf_find(str section, str name);
bool conf_has_section(str section);
/* The value as text that conf_set() reads back; numbers with their unit. */
void conf_write(struct buf *b, const struct conf *conf, const struct conf_setting *setting);
/* Whether a setting is within its bounds: only a default that must be replaced is not. */
bool conf_is_given(const struct conf *conf, const struct conf_setting *setting);

/* Calls line() with "section.name=value" for every setting of a section, in a form that conf_set() reads back.
 * ERR_ABSENT: no such section. */
err conf_each(const struct conf *conf, str section, void (*line)(void *to, str text), void *to);
/* Reads such a line. As conf_set(). */
err conf_set_line(struct conf *conf, struct arena *a, str line, str *expected);
