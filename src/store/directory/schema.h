/* SPDX-License-Identifier: Apache-2.0 */
/* What directory.db is made of: its migrations and its closed list of operations. */
#pragma once
#include "store/sql.h"

enum {
#define OPERATION(name, text) DIRECTORY_##name,
#include "store/directory/operations.def"
#undef OPERATION
	DIRECTORY_OPERATIONS
};

extern const struct sql_store directory_store;
