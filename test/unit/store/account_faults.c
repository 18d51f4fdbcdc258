/* SPDX-License-Identifier: Apache-2.0 */
/* Power cuts, and the n-th write, sync or allocation that fails. */
#include "store/account.h"

#include "account_help.h"
#include "proto/imap/flag.h"

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
	e = failed(e) ? e : folder_copy(f, &uid, 1, S("Archive"), 0, &result);
	e = failed(e) ? e : folder_copy(f, &uid, 1, S("Trash"), FOLDER_MOVE, &result);
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

/* Making an account fails at every place in turn; the next opening makes the rest. */
static void test_failing_first_opening(void **state)
{
	(void)state;
	fault.struck = true;
	for (unsigned n = 1; fault.struck && n < 1000; n++) {
		unlink("account.db");
		unlink("account.db-wal");
		struct account *a = NULL;
		struct folder_status *list;
		size_t count;
		fault.deed = SQL_DEED_WRITE;
		fault.countdown = n;
		fault.struck = false;
		sql_fault = strike;
		if (!failed(account_open("account.db", 100, NULL, &a)))
			account_close(&a);
		sql_fault = NULL;
		a = open_account();
		check_err("folders", account_folders(a, arena, &list, &count), ERR_NONE);
		assert_int_equal(count, 6);
		account_close(&a);
	}
	assert_false(fault.struck);
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
		WITH_FOLDER(test_power_cuts),
		WITH_FOLDER(test_failing_first_opening),
		WITH_FOLDER(test_failing_writes),
		WITH_FOLDER(test_failing_syncs),
		WITH_FOLDER(test_failing_allocations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
