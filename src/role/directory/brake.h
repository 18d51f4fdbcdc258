/* SPDX-License-Identifier: Apache-2.0 */
/* The brake on stolen accounts: an account that sends much more mail out, or to many more strangers, than people do has its
 * outgoing mail held until an administrator looks at it. Nothing is refused or lost, and mail inside goes on. */
#pragma once
#include "role/directory/session.h"

struct brake;
struct brake *brake_new(struct arena *a);
/* Counts the transaction that is about to be handed over, if somebody who logged in sends it out. Whether it is to be held. */
bool brake_holds(struct session *s);
/* Stores to whom was written. */
void brake_save(struct directory_role *r);
