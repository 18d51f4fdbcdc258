/* SPDX-License-Identifier: Apache-2.0 */
/* The settings. Each is one row of conf/<section>.def: type, name, default, bounds, help; the struct below, the table
 * that parses and checks, the manual page and the lines a process is sent all come from those rows. */
#pragma once
#include "base/address.h"
#include "base/arena.h"
#include "base/str.h"

/* The C types of the setting types. */
typedef uint64_t conf_size;    /* bytes; the file may say 50M */
typedef uint64_t conf_seconds; /* the file may say 5m, 4h, 5d */
typedef uint64_t conf_count;
typedef bool conf_flag;
typedef str conf_text;         /* bounds: shortest, longest */
typedef uint64_t conf_choice;  /* position in the list of words "a|b|c", which is the default column; a is the default */
struct conf_list {
	const str *items;
	size_t count;
};
struct conf_networks {
	const struct network *items;
	size_t count;
};
typedef struct conf_list conf_list;         /* default column: words separated by spaces; bounds: fewest, most */
typedef struct conf_networks conf_networks; /* the same */

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
struct conf_queue {
#include "conf/queue.def"
};
struct conf_imap {
#include "conf/imap.def"
};
struct conf_mailbox {
#include "conf/mailbox.def"
};
#undef SETTING

struct conf {
#define SECTION(name) struct conf_##name name;
#include "conf/sections.def"
#undef SECTION
};

/* All settings at their defaults; lists and texts live in the arena. */
err conf_init(struct conf *conf, struct arena *a);

/* Sets one. ERR_ABSENT: no such section or name; ERR_SYNTAX: not of that type; ERR_LIMIT: out of bounds; conf is unchanged
 * then, and *expected is a phrase that says what would be right, in the arena. */
err conf_set(struct conf *conf, struct arena *a, str section, str name, str value, str *expected);

/* Calls line() with "section.name=value" for every setting of a section, in a form that conf_set() reads back. */
err conf_each(const struct conf *conf, str section, void (*line)(void *to, str text), void *to);
