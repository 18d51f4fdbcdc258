/* SPDX-License-Identifier: Apache-2.0 */
/* Mailbox processes, one per account in use, started when `mailroom` asks. */
#pragma once
#include "role/supervisor/state.h"

/* The channel to `mailroom`; owns fd, replaces an earlier one. */
void mailboxes_connect(struct supervisor *s, int fd);
/* One that was to be started did not come to serve: `mailroom` is told. */
void mailboxes_failed(struct supervisor *s, uint32_t account, str reason);
/* It has ended: one that keeps crashing is not started again at once (server.restart_delay_max), and those who want it are
 * told so meanwhile. */
void mailboxes_note_end(struct process *p);
/* Starts the process of an account, in its turn, or notes that it is wanted again once the present one has ended. */
void mailboxes_start(struct supervisor *s, uint32_t account);
/* The process of an account serves or has ended: the turn is the next one's. */
void mailboxes_turn_over(struct process *p);
