/* SPDX-License-Identifier: Apache-2.0 */
/* The role's side of the administrator's commands. `control` opens a session channel and sends one command; the role looks
 * it up in its table of verbs, answers any number of lines and one end. A role keeps its sessions in an admin_door. */
#pragma once
#include "base/json.h"
#include "base/log.h"
#include "ipc/role.h"

enum { ADMIN_WORDS_MAX = 64, ADMIN_SESSIONS_MAX = 32, ADMIN_FILES = 2 };

/* One command being carried out. Strings last until the command has been answered. */
struct admin {
	str verb, caller, secret;
	struct {
		str name, value;
	} words[ADMIN_WORDS_MAX];
	size_t words_count;
	int files[ADMIN_FILES]; /* open files that came with it, -1: none; closed with the command */
	void *role;             /* the role's own, from admin_door */
	struct log log;
	struct arena *arena; /* for what the command keeps; goes with it */
	void *state;         /* the command's own */
	/* Set by a command that goes on for long, may be NULL: the caller has gone. Must end the command, as ever. */
	void (*gone)(struct admin *a);
	void (*more)(struct admin *a); /* see admin_go_on() */
};

struct admin_verb {
	const char *verb; /* "account add"; a row of NULL ends the table */
	/* Must end, now or later, in admin_done() or admin_refuse(), exactly once. */
	void (*run)(struct admin *a);
};

struct admin_door;

/* Sessions are served from the loop of the service, its log is theirs. Never NULL. */
struct admin_door *admin_door_new(struct service *service, const struct admin_verb *verbs, void *role);
/* A new session's channel; owns fd. */
void admin_door_open(struct admin_door *door, int fd);
/* The channel to `control`, over which sessions are opened (opener_server.def); owns fd, replaces an earlier one. */
void admin_door_connect(struct admin_door *door, int fd);

/* The value of a word given as name=value; absent if it was not given. */
str admin_word(const struct admin *a, str name);
/* The same as a number. ERR_ABSENT: not given; ERR_SYNTAX, ERR_LIMIT. */
err admin_number(const struct admin *a, str name, uint64_t highest, uint64_t *out);
/* Refuses words that are not in the list (ends with NULL); true if it did: the command has then been answered. */
bool admin_refused_words(struct admin *a, const char *const *known);

/* One line of the answer: a JSON object. It never waits: a line that the caller has no room for is kept, up to a limit for
 * all sessions together. ERR_LIMIT: that is reached, and the command will end as refused; ERR_CLOSED: the caller has gone. */
err admin_line(struct admin *a, str json);
/* For answers of any length: calls more() from the loop, whenever all lines so far are on their way, until it ends the
 * command. What the command holds is given back there, or in gone(). */
void admin_go_on(struct admin *a, void (*more)(struct admin *a));
/* The whole command, done or refused, in one clear sentence. a is gone afterwards. */
void admin_done(struct admin *a);
void admin_refuse(struct admin *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
