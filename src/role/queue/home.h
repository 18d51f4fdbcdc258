/* SPDX-License-Identifier: Apache-2.0 */
/* Mail for a domain that became ours while it waited: it comes home. */
#pragma once
#include "role/queue/own.h"
#include "role/queue/remote.h"

struct msg_readdressed;

/* Whether the destination's domain is ours. */
bool mail_is_home(const struct mail *m, const struct remote *r);
/* It has mail, which is not for the schedule; it has none any more, or is none of ours. */
void home_offer(struct mail *m, struct remote *r);
void home_withdraw(struct mail *m, struct remote *r);
void home_pump(struct remote *r);
void home_timer(void *to);
/* directory has answered; will not answer; has said anew which domains are ours. */
void home_answered(struct remote *r, const struct msg_readdressed *m);
void home_lost(struct remote *r);
void home_changed(struct remote *r);
