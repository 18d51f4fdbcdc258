/* SPDX-License-Identifier: Apache-2.0 */
/* The way of log entries to the logger: a channel that is never waited for. What finds no room is dropped and counted,
 * and the count travels with the next entry that does. Between one logger and the next a few entries are kept: the death of
 * a logger is among them. */
#pragma once
#include "base/log.h"

struct journal;

/* Never NULL. Lives as long as the process. */
struct journal *journal_new(void);
/* Owns fd; an earlier one is closed. Any thread. */
void journal_connect(struct journal *j, int fd);
/* A log whose entries go there. */
struct log journal_log(struct journal *j);
