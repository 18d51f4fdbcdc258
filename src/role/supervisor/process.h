/* SPDX-License-Identifier: Apache-2.0 */
/* One process: started, fed over its lifeline, watched, started again. */
#pragma once
#include "role/supervisor/state.h"

/* A new member of the table, not started yet. instance is copied; account is 0 but for a process ON_DEMAND. Never NULL. */
struct process *process_new(
	struct supervisor *s, const struct row *row, const char *instance, uint32_t account, int home);
/* It must not run any more. */
void process_free(struct process *p);
struct process *process_of_account(struct supervisor *s, uint32_t account);

/* Starts it, gives it settings, listeners, a channel to each peer that is up, and tells it to go. ERR_SYSTEM, ERR_BUSY:
 * it does not run. */
err process_start(struct process *p);
/* Starts it, and if that fails tries again later, as if it had died. */
void process_start_or_retry(struct process *p);
/* Ends it in good order; by force after a while. */
void process_stop(struct process *p);
void process_retire(struct process *p, unsigned seconds);
bool process_is_up(const struct process *p);

/* Sends it all settings of its sections while it serves, to take over together; reload_renewed() hears its answer. */
err process_renew(struct process *p);

/* Its lifeline for sending, which waits a little. Whoever sends over it ends the process when that fails. */
struct channel process_line(const struct process *p);
/* Ends it by force: it does not read what it is sent, or says what it may not. */
void process_give_up(struct process *p);
/* How long its next start waits, by how often it failed: milliseconds. */
unsigned process_delay(const struct process *p);
/* Starts it again, after a while that grows with each failure. */
void process_try_again(struct process *p);
