/* SPDX-License-Identifier: Apache-2.0 */
/* The command `route results`. */
#pragma once
#include "ipc/admin.h"
#include "store/ledger/ledger.h"

/* Answers the command, a policy at a time. store: NULL where it cannot be used. */
void results_show(struct admin *a, struct ledger *store);
