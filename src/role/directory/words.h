/* SPDX-License-Identifier: Apache-2.0 */
/* What the administrator's commands have in common: arguments, the change with its audit row, refusals in words. */
#pragma once
#include "role/directory/role.h"
#include "store/directory/change.h"

static inline struct directory_role *role_of(struct admin *a) { return a->role; }

/* A change by this command; its words for the audit log are written into the room. */
struct directory_change command_change(struct admin *a, struct buf *room);

/* Ends the command as the change went: done, refused with its reason, or failed. */
void command_end(struct admin *a, const struct directory_change *c, err e);

/* Ends a command that only shows something. */
void command_end_list(struct admin *a, err e);

/* A moment in UTC as text (RFC 3339), null for 0. */
void json_moment(struct json *j, const char *name, int64_t utc_ms);

/* Reads an argument. False: it was refused, and the command is gone. Results live as long as the room. */
bool take_address(struct admin *a, str text, struct buf *room, struct mailname *out);
bool take_domain(struct admin *a, str text, struct buf *room, str *out);
/* "1G", "500M", "0", "default". */
bool take_quota(struct admin *a, int64_t *out);
/* The account whose login is the word login. */
bool take_account(struct admin *a, uint32_t *out);
