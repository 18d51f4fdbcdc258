/* SPDX-License-Identifier: Apache-2.0 */
/* The process that remembers what was learned of other domains. */
#pragma once
#include "ipc/role.h"

extern const struct role role_ledger;
