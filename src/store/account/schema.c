/* SPDX-License-Identifier: Apache-2.0 */
/* account.db. Three tables per message: `message` is narrow and clustered by folder and UID, so that a folder's flags are
 * read from few pages; `parts` holds what IMAP sends ready-made; `header` and `body` hold the bytes, in pieces of which
 * the number is the message's shifted by BODY_PIECE_BITS plus the piece's. A copied message has two rows in `message` and
 * one of the others: `refs` counts them. */
#include "store/account/schema.h"

static const char *const operations[] = {
#define OPERATION(name, text) [ACCOUNT_##name] = text,
#include "store/account/operations.def"
#undef OPERATION
};

static const char *const migrations[] = {
	/* 1 */
	"CREATE TABLE store ("
	"  id INTEGER PRIMARY KEY CHECK (id = 1),"
	"  is_clean INTEGER NOT NULL,"     /* closed in good order: the counters are exact, else the marks hold */
	"  modseq INTEGER NOT NULL,"       /* highest handed out, if is_clean */
	"  modseq_mark INTEGER NOT NULL,"  /* none above it was ever shown */
	"  uidvalidity INTEGER NOT NULL);" /* highest handed out */
	"INSERT INTO store VALUES (1, 1, 1, 1, 0);"
	"CREATE TABLE folder ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name TEXT NOT NULL UNIQUE,"
	"  uidvalidity INTEGER NOT NULL,"
	"  uid_next INTEGER NOT NULL,"
	"  uid_mark INTEGER NOT NULL," /* every UID below it may have been shown */
	"  modseq INTEGER NOT NULL,"
	"  recent_from INTEGER NOT NULL,"
	"  messages INTEGER NOT NULL DEFAULT 0,"
	"  unseen INTEGER NOT NULL DEFAULT 0,"
	"  recent INTEGER NOT NULL DEFAULT 0,"
	"  bytes INTEGER NOT NULL DEFAULT 0,"
	"  uses INTEGER NOT NULL DEFAULT 0,"
	"  is_container INTEGER NOT NULL DEFAULT 0,"
	"  sort_order INTEGER NOT NULL DEFAULT 0," /* page settings: how a webmail shows the folder */
	"  page_settings TEXT);"
	"CREATE TABLE subscription (name TEXT PRIMARY KEY) WITHOUT ROWID;"
	"CREATE TABLE keyword ("
	"  folder INTEGER NOT NULL, bit INTEGER NOT NULL, name TEXT NOT NULL,"
	"  PRIMARY KEY (folder, bit)) WITHOUT ROWID;"
	"CREATE TABLE message ("
	"  folder INTEGER NOT NULL,"
	"  uid INTEGER NOT NULL,"
	"  flags INTEGER NOT NULL,"
	"  keywords INTEGER NOT NULL,"
	"  modseq INTEGER NOT NULL,"
	"  size INTEGER NOT NULL,"
	"  seconds INTEGER NOT NULL,"
	"  zone INTEGER NOT NULL,"
	"  message INTEGER NOT NULL,"
	"  PRIMARY KEY (folder, uid)) WITHOUT ROWID;"
	"CREATE TABLE expunged ("
	"  folder INTEGER NOT NULL, modseq INTEGER NOT NULL, uid INTEGER NOT NULL,"
	"  PRIMARY KEY (folder, modseq, uid)) WITHOUT ROWID;"
	"CREATE TABLE parts ("
	"  id INTEGER PRIMARY KEY,"
	"  refs INTEGER NOT NULL,"
	"  header_size INTEGER NOT NULL,"
	"  date INTEGER,"      /* of the Date field, seconds UTC */
	"  date_zone INTEGER," /* minutes east */
	"  envelope BLOB NOT NULL,"
	"  bodystructure BLOB NOT NULL,"
	"  tree BLOB NOT NULL,"
	"  body BLOB NOT NULL,"
	"  message_id BLOB,"
	"  in_reply_to BLOB,"
	"  base_subject BLOB);"
	"CREATE INDEX parts_unused ON parts (id) WHERE refs <= 0;"
	"CREATE TABLE header (id INTEGER PRIMARY KEY, plain_size INTEGER, data BLOB NOT NULL);"
	"CREATE TABLE body (id INTEGER PRIMARY KEY, plain_size INTEGER, data BLOB NOT NULL);"
	"CREATE TABLE taken ("
	"  number BLOB NOT NULL, recipient INTEGER NOT NULL, at INTEGER NOT NULL,"
	"  PRIMARY KEY (number, recipient)) WITHOUT ROWID;"
	"CREATE TABLE outbox (" /* what a delivery causes: handed to the queue after its commit, as often as needed */
	"  id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  number BLOB NOT NULL UNIQUE,"
	"  kind INTEGER NOT NULL,"
	"  sender TEXT NOT NULL,"
	"  recipients TEXT NOT NULL,"
	"  message BLOB NOT NULL);",
	/* 2: of the messages expunged at this modseq or an earlier one not all are remembered */
	"ALTER TABLE folder ADD COLUMN expunges_forgotten INTEGER NOT NULL DEFAULT 0;",
};

const struct sql_store account_store = {
	.application_id = 0x53676c61, /* "Sgla" */
	.page_size = 4096,
	.migrations = migrations,
	.migration_count = sizeof migrations / sizeof *migrations,
	.operations = operations,
	.operation_count = ACCOUNT_OPERATIONS,
};
