/* SPDX-License-Identifier: Apache-2.0 */
/* The administrator's commands that the supervisor carries out itself. */
#pragma once
#include "ipc/admin.h"

extern const struct admin_verb supervisor_verbs[];
