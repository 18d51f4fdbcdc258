/* SPDX-License-Identifier: Apache-2.0 */
/* The process that fetches by HTTPS for others: what is asked for and what comes back is typed, and so is all that is read. */
#pragma once
#include "ipc/role.h"

extern const struct role role_fetcher;
