/* SPDX-License-Identifier: Apache-2.0 */
/* The schema of account.db and its closed list of operations. */
#pragma once
#include "store/sql.h"

enum account_operation {
#define OPERATION(name, text) ACCOUNT_##name,
#include "store/account/operations.def"
#undef OPERATION
	ACCOUNT_OPERATIONS
};

extern const struct sql_store account_store;
