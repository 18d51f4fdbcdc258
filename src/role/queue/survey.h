/* SPDX-License-Identifier: Apache-2.0 */
/* Which destinations there is mail for. */
#pragma once
#include "role/queue/remote.h"

/* Reads from the store which domains have mail, and offers it. While it reads already it begins anew afterwards. */
void remote_survey(struct remote *r);
