/* SPDX-License-Identifier: Apache-2.0 */
/* What main() and the tests know of this role. */
#pragma once
#include "ipc/role.h"

extern const struct role role_logger;
