/* SPDX-License-Identifier: Apache-2.0 */
/* Names are kept as they are compared: in lower case, local parts without quotes (mailname.h). Numbers of accounts are
 * never used twice: a removed account keeps its row and its addresses, which are answered with 550 5.2.1 until they are
 * given to another. address.account is 0 for an alias, whose targets are rows of target; a group is an alias with several
 * targets, and address.senders says whether those behind it may send in its name. account.quota is -1 where the
 * configured one holds. Times are UTC in milliseconds. */
#include "store/directory/schema.h"

static const char *const migrations[] = {
	"CREATE TABLE domain ("
	" name TEXT NOT NULL PRIMARY KEY, main TEXT NOT NULL, catch_all BIGINT NOT NULL, postmaster BIGINT NOT NULL,"
	" created BIGINT NOT NULL);"
	"CREATE INDEX domain_main ON domain (main);"
	"CREATE TABLE account ("
	" number INTEGER NOT NULL PRIMARY KEY, login TEXT UNIQUE, state INTEGER NOT NULL, hash TEXT NOT NULL,"
	" quota BIGINT NOT NULL, used_bytes BIGINT NOT NULL, used_messages BIGINT NOT NULL, name TEXT NOT NULL,"
	" created BIGINT NOT NULL, last_login BIGINT NOT NULL);"
	"CREATE TABLE address ("
	" domain TEXT NOT NULL, local TEXT NOT NULL, account BIGINT NOT NULL, senders INTEGER NOT NULL,"
	" PRIMARY KEY (domain, local));"
	"CREATE INDEX address_account ON address (account);"
	"CREATE TABLE target ("
	" domain TEXT NOT NULL, local TEXT NOT NULL, to_domain TEXT NOT NULL, to_local TEXT NOT NULL,"
	" PRIMARY KEY (domain, local, to_domain, to_local));"
	"CREATE TABLE network ("
	" name TEXT NOT NULL PRIMARY KEY, refused BIGINT NOT NULL, first_refused BIGINT NOT NULL,"
	" last_refused BIGINT NOT NULL, last_client TEXT NOT NULL, last_sender TEXT NOT NULL,"
	" last_recipient TEXT NOT NULL, alarmed BIGINT NOT NULL, logged_in BIGINT NOT NULL);"
	"CREATE TABLE audit ("
	" number INTEGER NOT NULL PRIMARY KEY, at BIGINT NOT NULL, caller TEXT NOT NULL, verb TEXT NOT NULL,"
	" words TEXT NOT NULL, result TEXT NOT NULL);",
	/* account.braked: since when its outgoing mail is held, 0: it is not. account.language: as the setting
	 * accounts.language, or -1 where that holds. correspondent: to whom an account has written, as hashes. */
	"ALTER TABLE account ADD COLUMN braked BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE account ADD COLUMN language INTEGER NOT NULL DEFAULT -1;"
	"CREATE TABLE correspondent (account INTEGER NOT NULL, hash BIGINT NOT NULL, PRIMARY KEY (account, hash));",
	/* domain.is_inner: its mailboxes are those of another server, which its route leads to. */
	"ALTER TABLE domain ADD COLUMN is_inner INTEGER NOT NULL DEFAULT 0;",
	/* forward: of an account, or, where that is 0, of the alias local@domain; to_domain and to_local are its target as it is
	 * compared, target as it was written. hash is that of the code that was sent. asked: how many codes a target was sent
	 * on that day. Numbers of forwards are never used twice: counter has the highest. */
	"CREATE TABLE forward ("
	" number INTEGER NOT NULL PRIMARY KEY, account BIGINT NOT NULL, domain TEXT NOT NULL, local TEXT NOT NULL,"
	" to_domain TEXT NOT NULL, to_local TEXT NOT NULL, target TEXT NOT NULL, state INTEGER NOT NULL,"
	" keeps INTEGER NOT NULL, hash BLOB, code_until BIGINT NOT NULL, tries INTEGER NOT NULL, failures INTEGER NOT "
	"NULL,"
	" failures_since BIGINT NOT NULL, reason TEXT NOT NULL, created BIGINT NOT NULL, confirmed BIGINT NOT NULL,"
	" UNIQUE (account, domain, local, to_domain, to_local));"
	"CREATE TABLE asked (target TEXT NOT NULL PRIMARY KEY, day BIGINT NOT NULL, count INTEGER NOT NULL);"
	"CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, value BIGINT NOT NULL);"
	"CREATE TABLE secret (name TEXT NOT NULL PRIMARY KEY, bytes BLOB NOT NULL);",
};

static const char *const operations[] = {
#define OPERATION(name, text) [DIRECTORY_##name] = (text),
#include "store/directory/operations.def"
#undef OPERATION
};

const struct sql_store directory_store = {
	.application_id = 0x53694472, /* "SiDr" */
	.page_size = 4096,
	.migrations = migrations,
	.migration_count = sizeof migrations / sizeof *migrations,
	.operations = operations,
	.operation_count = DIRECTORY_OPERATIONS,
};
