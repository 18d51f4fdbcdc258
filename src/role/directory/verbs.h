/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
#include "ipc/admin.h"

#define VERB(words, function) void verb_##function(struct admin *a);
#include "role/directory/verbs.def"
#undef VERB
