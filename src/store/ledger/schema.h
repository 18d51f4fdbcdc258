/* SPDX-License-Identifier: Apache-2.0 */
/* What ledger.db is made of: its migrations and its closed list of operations. */
#pragma once
#include "store/sql.h"

enum {
#define OPERATION(name, text) LEDGER_##name,
#include "store/ledger/operations.def"
#undef OPERATION
	LEDGER_OPERATIONS
};

extern const struct sql_store ledger_store;
