/* SPDX-License-Identifier: Apache-2.0 */
/* Times are UTC in seconds. sts_policy.patterns holds one a line. How TLS went: tls_policy is a policy as it was applied to a
 * domain on a day (counted from 1970), with the sessions that it let pass; tls_kind those that it did not, by what failed. */
#include "store/ledger/schema.h"

static const char *const migrations[] = {
	"CREATE TABLE sts_policy ("
	" domain TEXT NOT NULL PRIMARY KEY, id TEXT NOT NULL, mode INTEGER NOT NULL, max_age BIGINT NOT NULL,"
	" fetched BIGINT NOT NULL, patterns TEXT NOT NULL);"
	"CREATE INDEX sts_policy_fetched ON sts_policy (fetched);",
	/* checksum is that of text and hosts, which are too long for an index. */
	"CREATE TABLE tls_policy ("
	" number INTEGER NOT NULL PRIMARY KEY, day BIGINT NOT NULL, domain TEXT NOT NULL, kind TEXT NOT NULL,"
	" checksum BIGINT NOT NULL, text TEXT NOT NULL, hosts TEXT NOT NULL, successes BIGINT NOT NULL,"
	" UNIQUE (day, domain, kind, checksum));"
	"CREATE INDEX tls_policy_domain ON tls_policy (domain);"
	"CREATE TABLE tls_failure ("
	" policy BIGINT NOT NULL, type TEXT NOT NULL, host TEXT NOT NULL, address TEXT NOT NULL, reason TEXT NOT NULL,"
	" count BIGINT NOT NULL, PRIMARY KEY (policy, type, host, address, reason));",
	/* With what the server called itself, and our address: they are part of the key. */
	"CREATE TABLE tls_kind ("
	" policy BIGINT NOT NULL, type TEXT NOT NULL, host TEXT NOT NULL, helo TEXT NOT NULL, address TEXT NOT NULL,"
	" local TEXT NOT NULL, reason TEXT NOT NULL, count BIGINT NOT NULL,"
	" PRIMARY KEY (policy, type, host, helo, address, local, reason));"
	"INSERT INTO tls_kind (policy, type, host, helo, address, local, reason, count)"
	" SELECT policy, type, host, '', address, '', reason, count FROM tls_failure;"
	"DROP TABLE tls_failure;",
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
