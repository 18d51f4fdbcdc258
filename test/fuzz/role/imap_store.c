/* SPDX-License-Identifier: Apache-2.0 */
/* An account's file that is not what it should be: an input is a row of edits, of single bytes of the file or of values in
 * its tables; then a client looks at everything and changes everything. The session ends, whatever it is told. */
#include <sqlite3.h>

#include "role/imap_house.h"

enum { EDITS_MAX = 32, VALUE_MAX = 255 };

/* The process ends and the next one opens the file anew. */
void service_finish(struct service *s) { (void)s; }

#define COLUMN(table, column, key) "UPDATE " table " SET " column " = ?1 WHERE " key " = ?2"
static const char *const edits[] = {
	COLUMN("store", "is_clean", "id"),
	COLUMN("store", "modseq", "id"),
	COLUMN("store", "modseq_mark", "id"),
	COLUMN("store", "uidvalidity", "id"),
	COLUMN("folder", "name", "id"),
	COLUMN("folder", "uidvalidity", "id"),
	COLUMN("folder", "uid_next", "id"),
	COLUMN("folder", "uid_mark", "id"),
	COLUMN("folder", "modseq", "id"),
	COLUMN("folder", "recent_from", "id"),
	COLUMN("folder", "messages", "id"),
	COLUMN("folder", "unseen", "id"),
	COLUMN("folder", "bytes", "id"),
	COLUMN("folder", "uses", "id"),
	COLUMN("folder", "is_container", "id"),
	COLUMN("subscription", "name", "1"),
	COLUMN("keyword", "bit", "folder"),
	COLUMN("keyword", "name", "folder"),
	COLUMN("message", "uid", "uid"),
	COLUMN("message", "folder", "uid"),
	COLUMN("message", "flags", "uid"),
	COLUMN("message", "keywords", "uid"),
	COLUMN("message", "modseq", "uid"),
	COLUMN("message", "size", "uid"),
	COLUMN("message", "seconds", "uid"),
	COLUMN("message", "zone", "uid"),
	COLUMN("message", "message", "uid"),
	COLUMN("parts", "refs", "id"),
	COLUMN("parts", "header_size", "id"),
	COLUMN("parts", "date", "id"),
	COLUMN("parts", "date_zone", "id"),
	COLUMN("parts", "envelope", "id"),
	COLUMN("parts", "bodystructure", "id"),
	COLUMN("parts", "tree", "id"),
	COLUMN("parts", "body", "id"),
	COLUMN("header", "data", "id >> 16"),
	COLUMN("header", "plain_size", "id >> 16"),
	COLUMN("header", "id", "id >> 16"),
	COLUMN("body", "data", "id >> 16"),
	COLUMN("body", "plain_size", "id >> 16"),
	COLUMN("body", "id", "id >> 16"),
	"DELETE FROM parts WHERE ?1 IS NOT NULL AND id = ?2",
	"DELETE FROM header WHERE ?1 IS NOT NULL AND id >> 16 = ?2",
	"DELETE FROM body WHERE ?1 IS NOT NULL AND id >> 16 = ?2",
	"DELETE FROM folder WHERE ?1 IS NOT NULL AND id = ?2",
};
enum { EDITS = sizeof edits / sizeof *edits };

static uint8_t next(str *input)
{
	uint8_t byte = input->n > 0 ? (uint8_t)input->p[0] : 0;
	*input = str_after(*input, 1);
	return byte;
}

/* A NULL, a number, a text or bytes. */
static void bind_value(sqlite3_stmt *st, str *input)
{
	uint8_t kind = next(input), n = kind % 4 == 1 ? 8 : next(input);
	str bytes = str_slice(*input, 0, n);
	int64_t number = 0;
	*input = str_after(*input, bytes.n);
	memcpy(&number, bytes.p, bytes.n < sizeof number ? bytes.n : sizeof number);
	if (kind % 4 == 0)
		sqlite3_bind_null(st, 1);
	else if (kind % 4 == 1)
		sqlite3_bind_int64(st, 1, number);
	else if (kind % 4 == 2)
		sqlite3_bind_text(st, 1, bytes.p, (int)bytes.n, SQLITE_TRANSIENT);
	else
		sqlite3_bind_blob(st, 1, bytes.p, (int)bytes.n, SQLITE_TRANSIENT);
}

/* What the schema does not allow does not happen. */
static void edit_row(sqlite3 *db, uint8_t which, str *input)
{
	sqlite3_stmt *st = NULL;
	uint8_t key = next(input);
	if (sqlite3_prepare_v2(db, edits[which % EDITS], -1, &st, NULL) == SQLITE_OK) {
		bind_value(st, input);
		sqlite3_bind_int64(st, 2, key % 8);
		sqlite3_step(st);
	}
	sqlite3_finalize(st);
}

static void edit_rows(str *input)
{
	sqlite3 *db = NULL;
	if (sqlite3_open_v2("account.db", &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
		for (unsigned i = next(input) % EDITS_MAX; i > 0 && input->n > 0; i--)
			edit_row(db, next(input), input);
	sqlite3_close(db);
}

static void edit_bytes(str *input)
{
	int fd = open("account.db", O_WRONLY);
	must(fd >= 0);
	for (unsigned i = 0; i < EDITS_MAX && input->n > 0; i++) {
		size_t at = next(input);
		at = (at << 8 | next(input)) << 8;
		at = (at | next(input)) % house.image_n;
		uint8_t byte = next(input);
		must(pwrite(fd, &byte, 1, (off_t)at) == 1);
	}
	close(fd);
}

static void hear(str bytes) { (void)bytes; }

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char script[] =
		"1 LIST \"\" *\r\n2 LSUB \"\" *\r\n3 STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)\r\n4 "
		"SELECT INBOX\r\n"
		"5 FETCH 1:* (FULL UID BODYSTRUCTURE)\r\n6 FETCH 1:* (BODY.PEEK[] BODY.PEEK[HEADER.FIELDS (Subject)] "
		"BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[2.TEXT] BODY.PEEK[2.1]<1.9> RFC822.SIZE)\r\n"
		"7 SEARCH OR TEXT hello SENTSINCE 1-Jan-2000\r\n8 STORE 1:* +FLAGS (\\Deleted $Seen)\r\n9 COPY 1:* "
		"Sent\r\n"
		"10 APPEND INBOX {5+}\r\nhello\r\n11 MOVE 1 Trash\r\n12 EXPUNGE\r\n13 CREATE a/b\r\n14 RENAME INBOX "
		"old\r\n"
		"15 RENAME Sent s/t\r\n16 DELETE Sent\r\n17 SELECT Trash\r\n18 FETCH 1:* (FLAGS BODY[])\r\n19 "
		"LOGOUT\r\n";
	str input = str_from((const char *)p, n);
	if (n == 0)
		return 0;
	if (house.folder[0] == '\0')
		house_begin();
	remove_files();
	write_image();
	if (next(&input) % 2 == 0)
		edit_rows(&input);
	edit_bytes(&input);
	if (failed(account_open("account.db", 100, NULL, &house.mailbox.account)))
		return 0;
	house_talk(str_from(script, sizeof script - 1), hear);
	IGNORE(account_check(house.mailbox.account));
	IGNORE(account_forget_expunges(house.mailbox.account, 1));
	IGNORE(account_tidy(house.mailbox.account));
	account_close(&house.mailbox.account);
	return 0;
}
