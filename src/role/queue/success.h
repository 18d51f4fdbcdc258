/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever logged in and asked for it is told that a mailbox here has the message. RFC 3461 5.2.3 */
#pragma once
#include "role/queue/queue.h"

/* Nobody else is told anything, whatever was asked for. */
bool success_is_awaited(const struct spool_message *m, const struct spool_recipient *r);
/* In the writer, in the transaction that removes the recipient: so it is told once. Errors of notice_spool(). */
err success_tell(const struct delivery *d, struct spool *spool);
