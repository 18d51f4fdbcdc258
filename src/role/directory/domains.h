/* SPDX-License-Identifier: Apache-2.0 */
/* What the queue is told of domains: which are ours, and who has an address of one that has become ours. */
#pragma once
#include "role/directory/role.h"

struct msg_readdress;

/* Tells the queue, if it is there, all domains that are ours: again after each change. */
void domains_tell(struct directory_role *r);
/* Answers its question. */
err domains_readdress(struct link *queue, const struct msg_readdress *m);
