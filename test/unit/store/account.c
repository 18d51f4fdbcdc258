/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "proto/imap/create.h"
#include "proto/imap/flag.h"
#include "store/account_folder.h"
#include "store/sql.h"

static char folder[64];
static struct arena *arena;

static int enter_folder(void **state)
{
	(void)state;
	/* Memory, where there is a file system in it: these tests sync thousands of times. */
	snprintf(
		folder, sizeof folder, "%s/siegel-account-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	arena = arena_new("test", 64 << 20);
	return mkdtemp(folder) != NULL ? chdir(folder) : -1;
}

static int leave_folder(void **state)
{
	(void)state;
	sql_fault = NULL;
	arena_free(&arena);
	unlink("account.db");
	unlink("account.db-wal");
	unlink("account.db-journal");
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

static struct account *open_account(void)
{
	char text[300];
	struct buf message = BUF_ON(text);
	struct account *a = NULL;
	err e = account_open("account.db", 100, &message, &a);
	if (failed(e))
		fail_msg("open: %s: %.*s", err_text(e), ARG(buf_str(&message)));
	return a;
}

#define HEADER "Subject: hello\r\nFrom: a@example.org\r\n\r\n"

static struct new_message message_of(str text)
{
	static const struct message_parts parts = {
		.envelope = { "(envelope)", 10 },
		.bodystructure = { "(structure)", 11 },
		.body = { "(body)", 6 },
		.tree = { "tree", 4 },
		.header_size = sizeof HEADER - 1,
		.has_date = true,
		.date = 1000,
		.date_zone = 120,
	};
	return (struct new_message){ .text = text, .parts = &parts, .seconds = 12345, .zone_minutes = -60 };
}

static str text_of(size_t body_size)
{
	struct buf b = buf_in(arena, sizeof HEADER + body_size + 64);
	buf_add(&b, S(HEADER));
	size_t end = b.n + body_size;
	while (b.n < end)
		buf_addf(&b, "line %zu\r\n", b.n);
	return str_slice(buf_str(&b), 0, end);
}

static err append(struct account *a, const char *name, str text, uint32_t *uid)
{
	uint32_t uidvalidity;
	struct new_message m = message_of(text);
	return account_append(a, str_of(name), &m, &uidvalidity, uid);
}

static struct folder *open_folder(struct account *a, const char *name)
{
	struct folder *f = NULL;
	uint32_t recent;
	check_err(name, folder_open(a, str_of(name), true, &f, &recent), ERR_NONE);
	return f;
}

static int64_t ask(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	assert_int_equal(sqlite3_open_v2("account.db", &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* What must hold of a closed account whatever happened to it: each query finds no offender. */
static void check_sound(const char *name)
{
	static const char *const offenders[] = {
		"SELECT count(*) FROM folder WHERE messages <> (SELECT count(*) FROM message WHERE folder = folder.id)",
		"SELECT count(*) FROM folder WHERE unseen <> (SELECT count(*) FROM message WHERE folder = folder.id "
		"AND "
		"(flags & 8) = 0)",
		"SELECT count(*) FROM folder WHERE bytes <> (SELECT coalesce(sum(size), 0) FROM message WHERE folder = "
		"folder.id)",
		"SELECT count(*) FROM folder WHERE recent <> (SELECT count(*) FROM message WHERE folder = folder.id "
		"AND uid "
		">= recent_from)",
		"SELECT count(*) FROM folder, message WHERE folder = id AND uid >= uid_next",
		"SELECT count(*) FROM folder WHERE uid_next > uid_mark + 1",
		"SELECT count(*) FROM parts WHERE refs <> (SELECT count(*) FROM message WHERE message = parts.id)",
		"SELECT count(*) FROM message WHERE message NOT IN (SELECT id FROM parts)",
		"SELECT count(*) FROM header WHERE id >> 16 NOT IN (SELECT id FROM parts)",
		"SELECT count(*) FROM body WHERE id >> 16 NOT IN (SELECT id FROM parts)",
		"SELECT count(*) FROM folder, store WHERE folder.modseq > modseq_mark",
		"SELECT count(*) FROM message JOIN folder ON folder = folder.id WHERE message.modseq > folder.modseq",
		"SELECT count(*) FROM message WHERE folder NOT IN (SELECT id FROM folder)",
	};
	for (size_t i = 0; i < COUNT(offenders); i++)
		if (ask(offenders[i]) != 0)
			fail_msg("%s: found some: %s", name, offenders[i]);
}

static void test_first_folders(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned uses;
	} want[] = {
		{ "Archive", IMAP_USE_ARCHIVE },
		{ "Drafts", IMAP_USE_DRAFTS },
		{ "INBOX", 0 },
		{ "Junk", IMAP_USE_JUNK },
		{ "Sent", IMAP_USE_SENT },
		{ "Trash", IMAP_USE_TRASH },
	};
	struct account *a = open_account();
	account_close(&a);
	a = open_account();
	struct folder_status *list;
	str *names;
	size_t count;
	check_err("list", account_folders(a, arena, &list, &count), ERR_NONE);
	assert_int_equal(count, COUNT(want));
	for (size_t i = 0; i < count; i++) {
		check_str("name", list[i].name, str_of(want[i].name));
		assert_int_equal(list[i].uses, want[i].uses);
		assert_int_equal(list[i].uid_next, 1);
		assert_true(i == 0 || list[i].uidvalidity != list[i - 1].uidvalidity);
	}
	check_err("subscriptions", account_subscriptions(a, arena, &names, &count), ERR_NONE);
	assert_int_equal(count, COUNT(want));
	str junk = NO_STR;
	check_err("use", account_folder_of_use(a, arena, IMAP_USE_JUNK, &junk), ERR_NONE);
	check_str("use", junk, S("Junk"));
	account_close(&a);
	check_sound("first folders");
}

static void test_deliver_once(void **state)
{
	(void)state;
	struct account *a = open_account();
	struct folder *inbox = open_folder(a, "INBOX");
	struct delivery d[3] = {
		{ .name = { { 1 }, 0 }, .folder = S("INBOX"), .message = message_of(text_of(100)) },
		{ .name = { { 1 }, 1 }, .folder = S("Junk"), .message = message_of(text_of(10)) },
		{ .name = { { 2 }, 0 }, .folder = S("no such folder"), .message = message_of(text_of(70000)) },
	};
	check_err("deliver", account_deliver(a, d, 3), ERR_NONE);
	assert_false(d[0].is_known || d[1].is_known || d[2].is_known);
	assert_int_equal(d[0].uid, 1);
	assert_int_equal(d[1].uid, 1);
	assert_int_equal(d[2].uid, 2);
	d[1].name.transaction[0] = 3;
	check_err("again", account_deliver(a, d, 3), ERR_NONE);
	assert_true(d[0].is_known && !d[1].is_known && d[2].is_known);
	bool taken = false;
	check_err("taken", account_has_taken(a, &d[0].name, &taken), ERR_NONE);
	assert_true(taken);
	struct folder_status status;
	folder_status(inbox, &status);
	assert_int_equal(status.messages, 2);
	assert_int_equal(status.unseen, 2);
	struct message rows[4];
	assert_int_equal(folder_rows(inbox, 0, rows, 4), 2);
	assert_int_equal(rows[1].size, 70000 + sizeof HEADER - 1);
	check_err("sync", account_sync(a), ERR_NONE);
	check_err("forget", account_forget_taken(a, INT64_MAX), ERR_NONE);
	check_err("taken", account_has_taken(a, &d[0].name, &taken), ERR_NONE);
	assert_false(taken);
	folder_close(&inbox);
	account_close(&a);
	check_sound("deliver");
}

static void test_content(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 4096, 5000, 65535, 65536, 65537, 300000 };
	struct account *a = open_account();
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint32_t uid;
		str want = text_of(sizes[i]);
		check_err("append", append(a, "INBOX", want, &uid), ERR_NONE);
		struct folder *f = open_folder(a, "INBOX");
		struct message m;
		assert_int_equal(folder_find(f, &uid, 1, &m), 1);
		struct parts_read parts = { .id = m.id };
		size_t done;
		check_err("parts", account_parts(a, arena, PARTS_ENVELOPE | PARTS_TREE | PARTS_DATE, &parts, 1, &done),
			ERR_NONE);
		check_str("envelope", parts.envelope, S("(envelope)"));
		check_str("tree", parts.tree, S("tree"));
		assert_null(parts.body.p);
		assert_true(parts.has_date && parts.date == 1000 && parts.date_zone == 120);
		struct buf got = buf_in(arena, want.n + 100);
		for (size_t before = SIZE_MAX; got.n != before;) {
			struct buf piece = buf_in(arena, 50000);
			before = got.n;
			check_err("read", account_read(a, m.id, parts.header_size, got.n, &piece), ERR_NONE);
			buf_add(&got, buf_str(&piece));
		}
		if (!str_eq(buf_str(&got), want))
			fail_msg("%zu bytes: what was read is not what was written (%zu)", sizes[i], got.n);
		folder_close(&f);
	}
	account_close(&a);
	check_sound("content");
}

static void test_flags(void **state)
{
	(void)state;
	static const str words[] = { { "$Forwarded", 10 }, { "work", 4 } };
	static const struct {
		const char *name;
		struct flag_order order;
		unsigned want;
		unsigned keywords;
	} cases[] = {
		{ "add", { FLAGS_ADD, IMAP_FLAG_SEEN, words, 1, 1 }, IMAP_FLAG_SEEN, 1 },
		{ "add more", { FLAGS_ADD, IMAP_FLAG_FLAGGED, words + 1, 1, 1 }, IMAP_FLAG_SEEN | IMAP_FLAG_FLAGGED,
			2 },
		{ "remove", { FLAGS_REMOVE, IMAP_FLAG_SEEN, words, 1, 1 }, IMAP_FLAG_FLAGGED, 1 },
		{ "replace", { FLAGS_REPLACE, IMAP_FLAG_SEEN | IMAP_FLAG_RECENT, words, 2, 1 }, IMAP_FLAG_SEEN, 2 },
	};
	struct account *a = open_account();
	uint32_t uids[3];
	for (int i = 0; i < 3; i++)
		check_err("append", append(a, "INBOX", text_of(10), &uids[i]), ERR_NONE);
	struct folder *f = open_folder(a, "INBOX");
	uint64_t modseq = 0;
	for (size_t i = 0; i < COUNT(cases); i++) {
		check_err(cases[i].name, folder_flag(f, uids, 2, &cases[i].order), ERR_NONE);
		struct message rows[3];
		assert_int_equal(folder_rows(f, 0, rows, 3), 3);
		assert_int_equal(rows[0].flags, cases[i].want);
		assert_int_equal(rows[2].flags, 0);
		assert_int_equal(__builtin_popcountll(rows[1].keywords), cases[i].keywords);
		assert_true(rows[0].modseq > modseq);
		modseq = rows[0].modseq;
	}
	uint64_t version = folder_version(f);
	check_err("no change", folder_flag(f, uids, 2, &cases[3].order), ERR_NONE);
	assert_int_equal(folder_version(f), version);
	str names[FOLDER_KEYWORDS_MAX];
	unsigned keywords_version;
	check_err("keywords", folder_keywords(f, arena, names, &keywords_version), ERR_NONE);
	check_str("keyword", names[0], words[0]);
	check_str("keyword", names[1], words[1]);
	for (int i = 0; i < 200; i++) { /* unused ones make room */
		char text[20];
		struct buf b = BUF_ON(text);
		buf_addf(&b, "word%d", i);
		str word = buf_str(&b);
		struct flag_order order = { FLAGS_REPLACE, 0, &word, 1, 1 };
		check_err("many keywords", folder_flag(f, uids, 3, &order), ERR_NONE);
	}
	str many[FOLDER_KEYWORDS_MAX + 1];
	for (size_t i = 0; i < COUNT(many); i++) {
		struct buf b = buf_in(arena, 20);
		buf_addf(&b, "key%zu", i);
		many[i] = buf_str(&b);
	}
	struct flag_order order = { FLAGS_ADD, 0, many, COUNT(many), 1 };
	check_err("too many keywords", folder_flag(f, uids, 1, &order), ERR_LIMIT);
	check_err("keywords", folder_keywords(f, arena, names, &keywords_version), ERR_NONE);
	folder_close(&f);
	account_close(&a);
	check_sound("flags");
}

static void test_copy_move_expunge(void **state)
{
	(void)state;
	struct account *a = open_account();
	uint32_t uids[6], from[6];
	for (int i = 0; i < 6; i++)
		check_err("append", append(a, "INBOX", text_of(5000), &uids[i]), ERR_NONE);
	struct folder *inbox = open_folder(a, "INBOX"), *archive = open_folder(a, "Archive");
	str word = S("word");
	struct flag_order order = { FLAGS_ADD, IMAP_FLAG_SEEN, &word, 1, 1 };
	check_err("flag", folder_flag(inbox, uids, 2, &order), ERR_NONE);
	struct copy_result result = { .from = from };
	check_err("copy", folder_copy(inbox, uids, 3, S("Archive"), false, &result), ERR_NONE);
	assert_int_equal(result.copied, 3);
	assert_int_equal(result.first, 1);
	check_err("move", folder_copy(inbox, uids + 1, 3, S("Archive"), true, &result), ERR_NONE);
	assert_int_equal(result.copied, 3);
	assert_int_equal(result.first, 4);
	check_err("move what is gone", folder_copy(inbox, uids + 1, 1, S("Archive"), true, &result), ERR_NONE);
	assert_int_equal(result.copied, 0);
	check_err("to nowhere", folder_copy(inbox, uids, 1, S("nowhere"), true, &result), ERR_ABSENT);
	check_err("onto itself", folder_copy(inbox, uids, 1, S("INBOX"), true, &result), ERR_NONE);
	struct message rows[10];
	assert_int_equal(folder_rows(archive, 0, rows, 10), 6);
	assert_int_equal(rows[0].flags, IMAP_FLAG_SEEN);
	assert_int_equal(rows[0].keywords, 1);
	assert_int_equal(rows[1].id, rows[3].id);
	assert_int_equal(folder_rows(inbox, 0, rows, 10), 3);
	assert_int_equal(rows[2].uid, 7);
	check_err("expunge", folder_expunge(archive, (uint32_t[]){ 1, 2, 99 }, 3), ERR_NONE);
	assert_int_equal(folder_rows(archive, 0, rows, 10), 4);
	check_err("tidy", account_tidy(a), ERR_NONE);
	uint64_t bytes, messages;
	account_usage(a, &bytes, &messages);
	assert_int_equal(messages, 7);
	assert_int_equal(bytes, 7 * (5000 + sizeof HEADER - 1));
	folder_close(&archive);
	folder_close(&inbox);
	account_close(&a);
	check_sound("copy");
	assert_int_equal(ask("SELECT count(*) FROM parts"), 6);
}

static void test_tree(void **state)
{
	(void)state;
	struct account *a = open_account();
	uint32_t v1, v2, uid;
	struct folder_status status;
	static const struct {
		const char *name;
		enum err_code want;
	} names[] = {
		{ "a/b/c", ERR_NONE },
		{ "a/b/c", ERR_EXISTS },
		{ "a", ERR_NONE }, /* it was only a container */
		{ "a!", ERR_NONE },
		{ "a//b", ERR_SYNTAX },
		{ "/a", ERR_SYNTAX },
		{ "", ERR_LIMIT },
		{ "1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3", ERR_LIMIT },
	};
	for (size_t i = 0; i < COUNT(names); i++)
		check_err(names[i].name, account_create(a, str_of(names[i].name), 0, &v1), names[i].want);
	check_err("a use twice", account_create(a, S("Bin"), IMAP_USE_TRASH, &v1), ERR_STATE);
	check_err("status", account_folder(a, S("a/b"), &status), ERR_NONE);
	assert_true(status.is_container && status.has_children);
	check_err("append", append(a, "a", text_of(10), &uid), ERR_NONE);
	check_err("append", append(a, "a/b/c", text_of(10), &uid), ERR_NONE);
	check_err("into a container", append(a, "a/b", text_of(10), &uid), ERR_ABSENT);
	check_err("below itself", account_rename(a, S("a"), S("a/b/d")), ERR_DENIED);
	check_err("to one that is there", account_rename(a, S("a"), S("Sent")), ERR_EXISTS);
	check_err("rename", account_rename(a, S("a"), S("x/y")), ERR_NONE);
	check_err("gone", account_folder(a, S("a/b/c"), &status), ERR_ABSENT);
	check_err("there", account_folder(a, S("x/y/b/c"), &status), ERR_NONE);
	assert_int_equal(status.messages, 1);
	check_err("delete a parent", account_delete(a, S("x/y")), ERR_NONE);
	check_err("it is a container", account_folder(a, S("x/y"), &status), ERR_NONE);
	assert_true(status.is_container && status.messages == 0);
	check_err("delete a container", account_delete(a, S("x/y")), ERR_STATE);
	check_err("delete INBOX", account_delete(a, S("INBOX")), ERR_DENIED);
	struct folder *open = open_folder(a, "x/y/b/c");
	check_err("delete an open one", account_delete(a, S("x/y/b/c")), ERR_NONE);
	struct message row;
	assert_int_equal(folder_rows(open, 0, &row, 1), 0);
	assert_true(folder_is_deleted(open));
	check_err("make it again", account_create(a, S("x/y/b/c"), 0, &v2), ERR_NONE);
	assert_true(v2 > v1);
	folder_close(&open);
	check_err("append", append(a, "INBOX", text_of(10), &uid), ERR_NONE);
	check_err("rename INBOX", account_rename(a, S("INBOX"), S("old/inbox")), ERR_NONE);
	check_err("there", account_folder(a, S("old/inbox"), &status), ERR_NONE);
	assert_int_equal(status.messages, 1);
	check_err("append", append(a, "INBOX", text_of(10), &uid), ERR_NONE);
	assert_int_equal(uid, 2);
	account_close(&a);
	check_sound("tree");
}

static void copy_file(const char *from, const char *to)
{
	static char bytes[1 << 20];
	FILE *in = fopen(from, "r"), *out = in != NULL ? fopen(to, "w") : NULL;
	if (out == NULL) {
		unlink(to);
		if (in != NULL)
			fclose(in);
		return;
	}
	for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
		fwrite(bytes, 1, n, out);
	fclose(in);
	fclose(out);
}

/* A disk that keeps what was synced and nothing else: at each sync the files are as they will be found after a cut. */
static bool keep_synced(enum sql_deed deed)
{
	if (deed == SQL_DEED_SYNC) {
		copy_file("account.db", "kept.db");
		copy_file("account.db-wal", "kept.db-wal");
	}
	return false;
}

static void cut_power(struct account **a)
{
	sql_fault = NULL;
	account_close(a);
	copy_file("kept.db", "account.db");
	copy_file("kept.db-wal", "account.db-wal");
	unlink("kept.db");
	unlink("kept.db-wal");
}

static void test_power_cuts(void **state)
{
	(void)state;
	uint32_t highest = 0, kept = 0, uidvalidity = 0;
	uint64_t modseq = 0;
	for (unsigned round = 0; round < 40; round++) {
		struct account *a = open_account();
		struct folder *f = open_folder(a, "INBOX");
		struct folder_status status;
		folder_status(f, &status);
		assert_true(uidvalidity == 0 || status.uidvalidity == uidvalidity);
		uidvalidity = status.uidvalidity;
		if (status.uid_next <= highest || status.modseq < modseq)
			fail_msg("round %u: uid_next %u after %u, modseq %llu after %llu", round, status.uid_next,
				highest, (unsigned long long)status.modseq, (unsigned long long)modseq);
		if (status.messages < kept)
			fail_msg("round %u: %u messages, %u were synced", round, status.messages, kept);
		sql_fault = keep_synced;
		for (unsigned i = 0; i < round * 11 % 300; i++) {
			struct delivery d = { .folder = S("INBOX"), .message = message_of(text_of(10)) };
			memcpy(d.name.transaction, (unsigned[]){ round, i, 0, 0 }, 16);
			check_err("deliver", account_deliver(a, &d, 1), ERR_NONE);
			highest = d.uid;
			struct flag_order order = { FLAGS_ADD, IMAP_FLAG_SEEN, NULL, 0, 1 };
			check_err("flag", folder_flag(f, &d.uid, 1, &order), ERR_NONE);
			folder_status(f, &status);
			modseq = status.modseq;
			if (i % 50 == 7) {
				check_err("sync", account_sync(a), ERR_NONE);
				kept = status.messages;
			}
			if (i % 90 == 17)
				check_err("tidy", account_tidy(a), ERR_NONE);
		}
		folder_close(&f);
		if (access("kept.db", F_OK) == 0)
			cut_power(&a);
		sql_fault = NULL;
		account_close(&a);
	}
	struct account *a = open_account();
	account_close(&a);
	check_sound("power cuts");
}

static void test_good_order(void **state)
{
	(void)state;
	struct account *a = open_account();
	for (unsigned round = 0; round < 3; round++) {
		uint32_t uid = 0;
		struct folder_status status;
		check_err("append", append(a, "INBOX", text_of(10), &uid), ERR_NONE);
		account_close(&a);
		a = open_account();
		check_err("INBOX", account_folder(a, S("INBOX"), &status), ERR_NONE);
		assert_int_equal(status.uid_next, uid + 1); /* nothing is skipped */
	}
	account_close(&a);
}

static struct {
	enum sql_deed deed;
	unsigned countdown;
	bool struck;
} fault;

static bool strike(enum sql_deed deed)
{
	if (deed != fault.deed || fault.countdown == 0 || --fault.countdown > 0)
		return false;
	fault.struck = true;
	return true;
}

/* Some of everything. Ends at the first failure. */
static err work(struct account *a)
{
	uint32_t uid, from[4], uidvalidity, recent;
	struct folder *f = NULL;
	struct delivery d[2] = {
		{ .name = { { 9 }, 0 }, .folder = S("INBOX"), .message = message_of(text_of(9000)) },
		{ .name = { { 9 }, 1 }, .folder = S("Junk"), .message = message_of(text_of(10)) },
	};
	str word = S("word");
	struct flag_order order = { FLAGS_ADD, IMAP_FLAG_SEEN, &word, 1, 1 };
	struct copy_result result = { .from = from };
	TRY(account_deliver(a, d, 2));
	TRY(append(a, "INBOX", text_of(20), &uid));
	TRY(folder_open(a, S("INBOX"), true, &f, &recent));
	err e = folder_flag(f, &uid, 1, &order);
	e = failed(e) ? e : folder_copy(f, &uid, 1, S("Archive"), false, &result);
	e = failed(e) ? e : folder_copy(f, &uid, 1, S("Trash"), true, &result);
	e = failed(e) ? e : folder_expunge(f, &d[0].uid, 1);
	e = failed(e) ? e : account_create(a, S("new/folder"), 0, &uidvalidity);
	e = failed(e) ? e : account_rename(a, S("new"), S("other"));
	e = failed(e) ? e : account_delete(a, S("other/folder"));
	e = failed(e) ? e : account_rename(a, S("INBOX"), S("old"));
	e = failed(e) ? e : account_delete(a, S("old"));
	e = failed(e) ? e : account_sync(a);
	e = failed(e) ? e : account_tidy(a);
	folder_close(&f);
	return e;
}

/* With the n-th deed failing, for every n until n is larger than what it takes, the account is sound afterwards. */
static void fail_every(enum sql_deed deed, const char *name)
{
	for (unsigned n = 1;; n += 1 + n / 32) {
		unlink("account.db");
		unlink("account.db-wal");
		struct account *a = open_account();
		account_close(&a);
		fault.deed = deed;
		fault.countdown = n;
		fault.struck = false;
		sql_fault = strike;
		err e = account_open("account.db", 100, NULL, &a);
		if (!failed(e)) {
			e = work(a);
			account_close(&a);
		}
		sql_fault = NULL;
		if (fault.struck && !failed(e) && deed == SQL_DEED_SYNC && n < 3)
			fail_msg("%s %u: nobody noticed", name, n);
		a = open_account();
		account_close(&a);
		check_sound(name);
		if (!fault.struck) {
			check_err(name, e, ERR_NONE);
			break;
		}
		if (n > 5000)
			fail_msg("%s: no end", name);
	}
}

static void test_failing_writes(void **state)
{
	(void)state;
	fail_every(SQL_DEED_WRITE, "write");
}

static void test_failing_syncs(void **state)
{
	(void)state;
	fail_every(SQL_DEED_SYNC, "sync");
}

static void test_failing_allocations(void **state)
{
	(void)state;
	fail_every(SQL_DEED_ALLOCATION, "allocation");
}

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, enter_folder, leave_folder)
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_first_folders),
		WITH_FOLDER(test_deliver_once),
		WITH_FOLDER(test_content),
		WITH_FOLDER(test_flags),
		WITH_FOLDER(test_copy_move_expunge),
		WITH_FOLDER(test_tree),
		WITH_FOLDER(test_power_cuts),
		WITH_FOLDER(test_good_order),
		WITH_FOLDER(test_failing_writes),
		WITH_FOLDER(test_failing_syncs),
		WITH_FOLDER(test_failing_allocations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
