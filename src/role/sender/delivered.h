/* SPDX-License-Identifier: Apache-2.0 */
/* Who has got which message, until the queue has stored it, in memory that outlives this process: the supervisor holds it and
 * gives it to the next one. So a message whose final reply was read is not sent again, though this process and the queue
 * should both be killed in that moment. */
#pragma once
#include "role/sender/sender.h"

/* Takes the memory, and what an earlier process left there as jobs that have ended. Takes over fd. Before the start. */
void delivered_open(struct sender *s, int fd);
/* This target of the job was delivered. To be called before anything else is said to the server, since then it knows that its
 * reply was read. Any thread; no more than there is room for is remembered. */
void delivered_note(struct job *j, const struct target *t);
/* The queue has stored it. Main loop. */
void delivered_forget(struct job *j);
