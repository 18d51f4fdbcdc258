/* SPDX-License-Identifier: Apache-2.0 */
/* What is forwarded to other servers, and what comes back from there. Which forwards a message has directory decided; what
 * kind of message it is filter says; here one follows from the other. */
#pragma once
#include "role/queue/queue.h"

enum { MARKS_ROOM = 2000 };
/* The marks of its forwards, with a blank between them. */
str forward_marks(const struct message *m, struct buf *room);
/* Writes them into the header. */
void forward_write_marks(const struct message *m, struct buf *to);
/* What is spam, or has one of the marks, is kept and not forwarded. False: nobody would have it; then *a says what to
 * refuse it with. */
bool forward_keep(struct message *m, str marks, struct answer *a);
/* After it was stored: tells directory what came back, and what was agreed to. */
void forward_came_back(const struct message *m);
/* A message was not delivered, for good. */
void forward_failed(struct queue *q, uint32_t forward, str reason);
