/* SPDX-License-Identifier: Apache-2.0 */
/* The door for the administrator's commands. */
#pragma once
#include "ipc/role.h"

enum { SESSIONS_MAX = 32, STRANGERS_MAX = 8 };

enum who { OWNER, ANYBODY };
struct verb {
	const char *verb, *role;
	enum who who;
};
/* NULL: there is no such verb. */
const struct verb *verb_find(str verb);

struct control {
	struct service *service;
	struct link *links; /* to the roles that carry commands out */
	struct loop_watch door_watch, ask_watch;
	int door, ask;                /* ask: for those who may not come in by the door; -1: closed */
	uid_t owner;                  /* who runs the server */
	unsigned sessions, strangers; /* all; those of other users */
};

/* Opens a session at a role. ERR_ABSENT: that role does not run; *out is the session's channel. */
err link_open(struct control *c, const char *role, int *out);
/* The channel to a role; owns fd, replaces an earlier one. */
void link_connect(struct control *c, str role, int fd);

/* One command of somebody who came in by the door; owns fd. */
void session_begin(struct control *c, int fd);
