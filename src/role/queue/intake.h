/* SPDX-License-Identifier: Apache-2.0 */
/* Receivers and their sessions, which bring messages and wait for the answers. */
#pragma once
#include "role/queue/queue.h"

void receiver_add(struct queue *q, int fd);
void receivers_stop(struct queue *q);

/* Answers whoever brought the message, once; a session that has gone is none to ask. */
void session_answer(struct message *m, const struct answer *a);
/* The same from the writer's thread, for which session_lend() gives the message the session's end once more. Where it does
 * not work out, session_answer() does it later. */
void session_lend(struct message *m);
void session_answer_early(struct message *m, const struct answer *a);
