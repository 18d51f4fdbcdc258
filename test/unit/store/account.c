/* SPDX-License-Identifier: Apache-2.0 */
#include "store/account.h"

#include "account_help.h"
#include "proto/imap/create.h"
#include "proto/imap/flag.h"

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

static void expunge_all(struct account *a, unsigned count)
{
	uint32_t uids[10];
	struct folder *inbox;
	for (unsigned i = 0; i < count; i++)
		check_err("append", append(a, "INBOX", text_of(10), &uids[i]), ERR_NONE);
	inbox = open_folder(a, "INBOX");
	for (unsigned i = 0; i < count; i++)
		check_err("expunge", folder_expunge(inbox, &uids[i], 1), ERR_NONE);
	folder_close(&inbox);
}

/* How many expunges INBOX remembers, with a modseq above the one up to which it says that it may have forgotten some. */
#define REMEMBERED                                                                                       \
	"SELECT count(*) FROM expunged JOIN folder ON folder.id = expunged.folder WHERE name = 'INBOX' " \
	"AND expunged.modseq > expunges_forgotten"

static void test_forget_expunges(void **state)
{
	(void)state;
	struct account *a = open_account();
	expunge_all(a, 10);
	check_err("few", account_forget_expunges(a, 10), ERR_NONE);
	account_close(&a);
	assert_int_equal(ask(REMEMBERED), 10);
	assert_int_equal(ask("SELECT expunges_forgotten FROM folder WHERE name = 'INBOX'"), 0);
	a = open_account();
	check_err("many", account_forget_expunges(a, 4), ERR_NONE);
	account_close(&a);
	assert_int_equal(ask(REMEMBERED), 4);
	assert_int_equal(ask("SELECT count(*) FROM expunged"), 4);
	assert_int_equal(ask("SELECT min(uid) FROM expunged"), 7);
	/* More than one act removes, and all of one modseq: none may stay that is at or below what is said to be forgotten. */
	ask("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO expunged "
	    "SELECT "
	    "folder.id, 1000000, i FROM n, folder WHERE name = 'INBOX' RETURNING 1");
	a = open_account();
	check_err("very many", account_forget_expunges(a, 4), ERR_NONE);
	account_close(&a);
	assert_int_equal(ask("SELECT count(*) FROM expunged"), 4);
	assert_int_equal(ask(REMEMBERED), 0);
	check_sound("forget");
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
	check_err("copy", folder_copy(inbox, uids, 3, S("Archive"), 0, &result), ERR_NONE);
	assert_int_equal(result.copied, 3);
	assert_int_equal(result.first, 1);
	check_err("move", folder_copy(inbox, uids + 1, 3, S("Archive"), FOLDER_MOVE, &result), ERR_NONE);
	assert_int_equal(result.copied, 3);
	assert_int_equal(result.first, 4);
	check_err("move what is gone", folder_copy(inbox, uids + 1, 1, S("Archive"), FOLDER_MOVE, &result), ERR_NONE);
	assert_int_equal(result.copied, 0);
	check_err("all or none", folder_copy(inbox, uids, 2, S("Archive"), FOLDER_MOVE | FOLDER_WHOLE, &result),
		ERR_STATE);
	assert_int_equal(result.copied, 0);
	check_err("to nowhere", folder_copy(inbox, uids, 1, S("nowhere"), FOLDER_MOVE, &result), ERR_ABSENT);
	check_err("onto itself", folder_copy(inbox, uids, 1, S("INBOX"), FOLDER_MOVE, &result), ERR_NONE);
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
		{ "", ERR_SYNTAX },
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

int main(void)
{
#define WITH_FOLDER(f) cmocka_unit_test_setup_teardown(f, enter_folder, leave_folder)
	const struct CMUnitTest tests[] = {
		WITH_FOLDER(test_first_folders),
		WITH_FOLDER(test_deliver_once),
		WITH_FOLDER(test_forget_expunges),
		WITH_FOLDER(test_content),
		WITH_FOLDER(test_flags),
		WITH_FOLDER(test_copy_move_expunge),
		WITH_FOLDER(test_tree),
		WITH_FOLDER(test_good_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
