/* SPDX-License-Identifier: Apache-2.0 */
/* Times are UTC in seconds. sts_policy.patterns holds one a line. */
#include "store/ledger/schema.h"

static const char *const migrations[] = {
	"CREATE TABLE sts_policy ("
	" domain TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL, mode INTEGER NOT NULL, max_age BIGINT NOT NULL,"
	" fetched BIGINT NOT NULL, patterns TEXT NOT NULL);"
	"CREATE INDEX sts_policy_fetched ON sts_policy (fetched);",
};

static const char *const operations[] = {
#define OPERATION(name, text) [LEDGER_##name] = (text),
#include "store/ledger/operations.def"
#undef OPERATION
};

const struct sql_store ledger_store = {
	.application_id = 0x53694c65, /* "SiLe" */
	.page_size = 4096,
	.migrations = migrations,
	.migration_count = sizeof migrations / sizeof *migrations,
	.operations = operations,
	.operation_count = LEDGER_OPERATIONS,
};
