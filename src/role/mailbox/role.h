/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "ipc/role.h"

extern const struct role role_mailbox;
