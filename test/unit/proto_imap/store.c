/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that change messages: STORE, COPY and MOVE, UID EXPUNGE. */
#include "imap.h"

#include "proto/imap/copy.h"
#include "proto/imap/store.h"

/* clang-format off */
static const struct { const char *args; enum err_code want; enum imap_store_mode mode; bool is_silent; const char *flags; } stores[] = {
	{ "1 FLAGS (\\Seen)",            ERR_NONE,   IMAP_STORE_REPLACE, false, "(\\Seen)" },
	{ "1:2 +FLAGS \\Seen a",         ERR_NONE,   IMAP_STORE_ADD,     false, "(\\Seen a)" },
	{ "1 -flags.silent (a)",         ERR_NONE,   IMAP_STORE_REMOVE,  true,  "(a)" },
	{ "* FLAGS.SILENT ()",           ERR_NONE,   IMAP_STORE_REPLACE, true,  "()" },
	{ "1 FLAGS",                     ERR_SYNTAX, 0, false, NULL },
	{ "1 FLAGS ",                    ERR_SYNTAX, 0, false, NULL },
	{ "1 +FLAGS.LOUD (a)",           ERR_SYNTAX, 0, false, NULL },
	{ "1 +-FLAGS (a)",               ERR_SYNTAX, 0, false, NULL },
	{ "1 FLAGS (a) b",               ERR_SYNTAX, 0, false, NULL },
	{ "1 FLAGS (\\Recent)",          ERR_SYNTAX, 0, false, NULL },
	{ "FLAGS (a)",                   ERR_SYNTAX, 0, false, NULL },
	{ "1 (UNCHANGEDSINCE 5) FLAGS (a)", ERR_SYNTAX, 0, false, NULL },
};

static const struct { const char *args; enum err_code want; const char *mailbox; } copies[] = {
	{ "1:3 Trash",        ERR_NONE,   "Trash" },
	{ "* \"inbox\"",      ERR_NONE,   "INBOX" },
	{ "1 {1}\r\nx",       ERR_NONE,   "x" },
	{ "1",                ERR_SYNTAX, NULL },
	{ "1 ",               ERR_SYNTAX, NULL },
	{ "1 a b",            ERR_SYNTAX, NULL },
	{ "$ a",              ERR_SYNTAX, NULL },
};
/* clang-format on */

static void store(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(stores); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct imap_store got = { 0 };
		struct cur c = cur_of(str_of(stores[i].args));
		check_err(stores[i].args, imap_store_parse(&c, a, &got), stores[i].want);
		if (got.mode != stores[i].mode || got.is_silent != stores[i].is_silent)
			fail_msg("%s: got mode %d, silent %d", stores[i].args, got.mode, got.is_silent);
		imap_write_flags(&b, got.flags);
		check_written(stores[i].args, &b, stores[i].flags);
	}
	arena_free(&a);
}

static void copy(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(copies); i++) {
		struct imap_copy got = { 0 };
		struct cur c = cur_of(str_of(copies[i].args));
		check_err(copies[i].args, imap_copy_parse(&c, a, &got), copies[i].want);
		check_str(copies[i].args, got.mailbox, str_of(copies[i].mailbox));
		assert_int_equal(got.set.count, copies[i].want == ERR_NONE);
	}
	arena_free(&a);
}

static void uid_expunge(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_sequence set;
	struct cur good = cur_of(S("1:3,7")), more = cur_of(S("1 2")), none = cur_of(S(""));
	check_err("a set", imap_one_set_parse(&good, a, &set), ERR_NONE);
	assert_int_equal(set.count, 2);
	check_err("two sets", imap_one_set_parse(&more, a, &set), ERR_SYNTAX);
	check_err("no set", imap_one_set_parse(&none, a, &set), ERR_SYNTAX);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(store),
		cmocka_unit_test(copy),
		cmocka_unit_test(uid_expunge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
