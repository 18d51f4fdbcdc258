/* SPDX-License-Identifier: Apache-2.0 */
/* The commands about mailboxes: LIST, LSUB, STATUS, CREATE. */
#include "imap.h"

#include "proto/imap/create.h"
#include "proto/imap/list.h"
#include "proto/imap/status.h"

enum {
	SUBSCRIBED = IMAP_SELECT_SUBSCRIBED,
	REMOTE = IMAP_SELECT_REMOTE,
	RECURSIVE = IMAP_SELECT_RECURSIVEMATCH,
	USE = IMAP_SELECT_SPECIAL_USE,
	R_SUBSCRIBED = IMAP_RETURN_SUBSCRIBED,
	R_CHILDREN = IMAP_RETURN_CHILDREN,
	R_USE = IMAP_RETURN_SPECIAL_USE,
	R_STATUS = IMAP_RETURN_STATUS,
	MESSAGES = IMAP_STATUS_MESSAGES,
	RECENT = IMAP_STATUS_RECENT,
	UIDNEXT = IMAP_STATUS_UIDNEXT,
	UIDVALIDITY = IMAP_STATUS_UIDVALIDITY,
	UNSEEN = IMAP_STATUS_UNSEEN,
};

/* clang-format off */
/* what: the reference, then each pattern, with bars between them. */
static const struct { const char *args; enum err_code want; const char *what; bool is_extended; unsigned selects, returns, status; } lists[] = {
	{ "\"\" \"\"",                         ERR_NONE, "|",        false, 0, 0, 0 },
	{ "\"\" *",                            ERR_NONE, "|*",       false, 0, 0, 0 },
	{ "Work/ %",                           ERR_NONE, "Work/|%",  false, 0, 0, 0 },
	{ "inbox &Jjo-%",                      ERR_NONE, "INBOX|\xe2\x98\xba%", false, 0, 0, 0 },
	{ "() \"\" \"*\"",                     ERR_NONE, "|*",       true,  0, 0, 0 },
	{ "(SPECIAL-USE) \"\" \"*\" RETURN (SPECIAL-USE)", ERR_NONE, "|*", true, USE, R_USE, 0 },
	{ "(subscribed recursivematch remote) \"\" *", ERR_NONE, "|*", true, SUBSCRIBED | RECURSIVE | REMOTE, 0, 0 },
	{ "\"\" (a* \"b c\" %)",               ERR_NONE, "|a*|b c|%", true, 0, 0, 0 },
	{ "\"\" * RETURN ()",                  ERR_NONE, "|*",       true,  0, 0, 0 },
	{ "\"\" % return (children subscribed)", ERR_NONE, "|%",     true,  0, R_CHILDREN | R_SUBSCRIBED, 0 },
	{ "\"\" * RETURN (STATUS (MESSAGES UNSEEN) CHILDREN)", ERR_NONE, "|*", true, 0, R_STATUS | R_CHILDREN, MESSAGES | UNSEEN },
	{ "(RECURSIVEMATCH) \"\" *",           ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "(RECURSIVEMATCH REMOTE) \"\" *",    ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "(X-OTHER) \"\" *",                  ERR_UNSUPPORTED, NULL, false, 0, 0, 0 },
	{ "\"\" * RETURN (MYRIGHTS)",          ERR_UNSUPPORTED, NULL, false, 0, 0, 0 },
	{ "\"\" * RETURN",                     ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "\"\" * RETURN (STATUS)",            ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "\"\" * RETURN (STATUS ())",         ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "\"\" * RETURN (CHILDREN",           ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "\"\" * CHILDREN",                   ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "\"\" ()",                           ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "\"\"",                              ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "* \"\"",                            ERR_SYNTAX,      NULL, false, 0, 0, 0 },
	{ "\"\" &Jjo",                         ERR_SYNTAX,      NULL, false, 0, 0, 0 },
};

static const struct { const char *args; enum err_code want; const char *mailbox; unsigned items; } statuses[] = {
	{ "inbox (MESSAGES)",                  ERR_NONE,   "INBOX", MESSAGES },
	{ "\"a b\" (messages recent uidnext uidvalidity unseen)", ERR_NONE, "a b", MESSAGES | RECENT | UIDNEXT | UIDVALIDITY | UNSEEN },
	{ "a (UNSEEN UNSEEN)",                 ERR_NONE,   "a",     UNSEEN },
	{ "a ()",                              ERR_SYNTAX, NULL, 0 },
	{ "a MESSAGES",                        ERR_SYNTAX, NULL, 0 },
	{ "a (UIDNEXTX)",                      ERR_SYNTAX, NULL, 0 },
	{ "a (UIDNEXT )",                      ERR_SYNTAX, NULL, 0 },
	{ "a (HIGHESTMODSEQ)",                 ERR_SYNTAX, NULL, 0 },
	{ "a (MESSAGES) x",                    ERR_SYNTAX, NULL, 0 },
	{ "a",                                 ERR_SYNTAX, NULL, 0 },
};

static const struct { const char *args; enum err_code want; const char *mailbox, *uses; bool has_other_uses; } creates[] = {
	{ "a",                                 ERR_NONE,   "a",   "",                   false },
	{ "a/",                                ERR_NONE,   "a/",  "",                   false },
	{ "a (USE (\\Drafts))",                ERR_NONE,   "a",   "\\Drafts",           false },
	{ "a (use (\\trash \\SENT))",          ERR_NONE,   "a",   "\\Sent \\Trash",     false },
	{ "a (USE ())",                        ERR_NONE,   "a",   "",                   false },
	{ "a (USE (\\Junk \\Important))",      ERR_NONE,   "a",   "\\Junk",             true  },
	{ "a (USE (Junk))",                    ERR_SYNTAX, NULL,  NULL,                 false },
	{ "a (USE (\\Junk)",                   ERR_SYNTAX, NULL,  NULL,                 false },
	{ "a (USE \\Junk)",                    ERR_SYNTAX, NULL,  NULL,                 false },
	{ "a ()",                              ERR_SYNTAX, NULL,  NULL,                 false },
	{ "a b",                               ERR_SYNTAX, NULL,  NULL,                 false },
	{ "",                                  ERR_SYNTAX, NULL,  NULL,                 false },
};
/* clang-format on */

static void write_list(struct buf *b, const struct imap_list *list)
{
	buf_add(b, list->reference);
	for (size_t i = 0; i < list->count; i++)
		buf_addf(b, "|%.*s", ARG(list->patterns[i]));
}

static void list(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(lists); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct imap_list got = { 0 };
		struct cur c = cur_of(str_of(lists[i].args));
		check_err(lists[i].args, imap_list_parse(&c, a, &got), lists[i].want);
		write_list(&b, &got);
		check_written(lists[i].args, &b, lists[i].what);
		if (got.is_extended != lists[i].is_extended || got.selects != lists[i].selects ||
			got.returns != lists[i].returns || got.status != lists[i].status)
			fail_msg("%s: got extended %d, selects %u, returns %u, status %u", lists[i].args,
				got.is_extended, got.selects, got.returns, got.status);
	}
	arena_free(&a);
}

static void lsub(void **state)
{
	(void)state;
	char room[TEXT_MAX];
	struct buf b = BUF_ON(room);
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_list got;
	struct cur good = cur_of(S("\"a/\" %")), options = cur_of(S("\"\" * RETURN ()")),
		   several = cur_of(S("\"\" (a b)"));
	check_err("lsub", imap_lsub_parse(&good, a, &got), ERR_NONE);
	write_list(&b, &got);
	check_written("lsub", &b, "a/|%");
	check_err("with options", imap_lsub_parse(&options, a, &got), ERR_SYNTAX);
	check_err("with several", imap_lsub_parse(&several, a, &got), ERR_SYNTAX);
	arena_free(&a);
}

static void status(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct imap_status got = { 0 };
		struct cur c = cur_of(str_of(statuses[i].args));
		check_err(statuses[i].args, imap_status_parse(&c, a, &got), statuses[i].want);
		check_str(statuses[i].args, got.mailbox, str_of(statuses[i].mailbox));
		if (got.items != statuses[i].items)
			fail_msg("%s: got items %u, want %u", statuses[i].args, got.items, statuses[i].items);
	}
	arena_free(&a);
}

static void create(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(creates); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct imap_create got = { 0 };
		struct cur c = cur_of(str_of(creates[i].args));
		check_err(creates[i].args, imap_create_parse(&c, a, &got), creates[i].want);
		check_str(creates[i].args, got.mailbox, str_of(creates[i].mailbox));
		imap_write_uses(&b, got.uses);
		check_written(creates[i].args, &b, creates[i].uses);
		assert_int_equal(got.has_other_uses, creates[i].has_other_uses);
	}
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list),
		cmocka_unit_test(lsub),
		cmocka_unit_test(status),
		cmocka_unit_test(create),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
