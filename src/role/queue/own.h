/* SPDX-License-Identifier: Apache-2.0 */
/* The domains that are ours. */
#pragma once
#include "role/queue/queue.h"

/* A part of directory's list of the domains that are ours. ERR_STATE, ERR_LIMIT. */
err own_hear(struct queue *q, str names, bool inner, bool first, bool last);
/* Whether a whole list was heard; whether that domain, in lower case, has its mailboxes here; or on an inner server. */
bool own_is_known(const struct queue *q);
bool own_has(const struct queue *q, str domain);
bool own_is_inner(const struct queue *q, str domain);
/* Of those here. */
void own_each(const struct queue *q, void (*fn)(void *to, str domain), void *to);
void own_stop(struct queue *q);
