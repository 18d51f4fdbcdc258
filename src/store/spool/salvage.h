/* SPDX-License-Identifier: Apache-2.0 */
/* Takes what can be read of a damaged spool over into the one that replaced it, by number, a few messages at a time, so
 * that mail flows meanwhile. Messages go up from the first and down from the last until a damaged place is met; what lies
 * between is tried id by id. What was taken over before, or came in again, has its number in the new spool already. The
 * damaged file is renamed when all is done and stays for a person to look at. */
#pragma once
#include "store/spool/spool.h"

#define SALVAGE_DAMAGED "damaged-" /* still to be read */
#define SALVAGE_DONE "salvaged-"

struct salvage;

/* Any damaged or salvaged file here? Then bodies without a row may still be wanted. */
bool salvage_remains(void);
/* Any whose messages are not all taken over yet? */
bool salvage_waits(void);

/* Opens the first damaged store. ERR_ABSENT: there is none. Never fails otherwise: a store of which nothing can be read
 * has no messages. */
err salvage_open(struct salvage **out);
/* Up to so many messages, in a transaction of their own; row() is told of every delivery that waits now. *more is false
 * at the end. A failure is the new spool's; what was not committed comes again. */
err salvage_some(struct salvage *s, struct spool *to, unsigned most, const struct spool_account_rows *rows, bool *more);
/* Messages taken over; those whose row was found, but not all that belongs to it. */
uint64_t salvage_taken(const struct salvage *s);
uint64_t salvage_lost(const struct salvage *s);
/* Whether no damaged place was met on the way. */
bool salvage_is_complete(const struct salvage *s);
str salvage_name(const struct salvage *s);
/* finished: rename the file. Accepts NULL behind the pointer, leaves it there. */
void salvage_close(struct salvage **s, bool finished);
