/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/flag.h"

/* clang-format off */
static const struct { const char *text; enum err_code want, want_bare; const char *written; } cases[] = {
	{ "()",                          ERR_NONE,   ERR_NONE,   "()" },
	{ "(\\Seen)",                    ERR_NONE,   ERR_NONE,   "(\\Seen)" },
	{ "(\\seen \\ANSWERED)",         ERR_NONE,   ERR_NONE,   "(\\Answered \\Seen)" },
	{ "(\\Draft \\Deleted \\Flagged \\Draft)", ERR_NONE, ERR_NONE, "(\\Flagged \\Deleted \\Draft)" },
	{ "($Forwarded NotJunk \\Seen)", ERR_NONE,   ERR_NONE,   "(\\Seen $Forwarded NotJunk)" },
	{ "(a A b a)",                   ERR_NONE,   ERR_NONE,   "(a b)" },
	{ "\\Seen a",                    ERR_SYNTAX, ERR_NONE,   "(\\Seen a)" },
	{ "a",                           ERR_SYNTAX, ERR_NONE,   "(a)" },
	{ "(\\Recent)",                  ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "(\\Other)",                   ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "(\\*)",                       ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "(\\)",                        ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "(a",                          ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "(a )",                        ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "( a)",                        ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "(a  b)",                      ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "(\"a\")",                     ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "(a]b)",                       ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "",                            ERR_SYNTAX, ERR_SYNTAX, NULL },
	{ "(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa)", ERR_LIMIT, ERR_LIMIT, NULL },
};
/* clang-format on */

static void check_flags(const char *name, struct cur *c, struct imap_flags got, enum err_code want, const char *written)
{
	char room[TEXT_MAX];
	struct buf b = BUF_ON(room);
	check_err(name, c->e, want);
	if (want != ERR_NONE) {
		assert_int_equal(got.system + got.count, 0);
		return;
	}
	imap_write_flags(&b, got);
	check_written(name, &b, written);
}

static void lists(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cur list = cur_of(str_of(cases[i].text)), bare = list;
		struct imap_flags flags = imap_flag_list(&list, a);
		check_flags(cases[i].text, &list, flags, cases[i].want, cases[i].written);
		flags = imap_flags(&bare, a);
		check_flags(cases[i].text, &bare, flags, cases[i].want_bare, cases[i].written);
	}
	arena_free(&a);
}

static void too_many_keywords(void **state)
{
	(void)state;
	for (unsigned n = IMAP_KEYWORDS_MAX; n <= IMAP_KEYWORDS_MAX + 1; n++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct arena *a = arena_new("test", ARENA_MAX);
		for (unsigned i = 0; i < n; i++)
			buf_addf(&b, "%ck%u", i == 0 ? '(' : ' ', i);
		buf_byte(&b, ')');
		struct cur c = cur_of(buf_str(&b));
		imap_flag_list(&c, a);
		check_err("keywords", c.e, n > IMAP_KEYWORDS_MAX ? ERR_LIMIT : ERR_NONE);
		arena_free(&a);
	}
}

static void permanent_flags(void **state)
{
	(void)state;
	char room[TEXT_MAX];
	struct buf b = BUF_ON(room);
	static const str keywords[] = { S("$Junk") };
	struct imap_flags flags = { IMAP_FLAG_SEEN | IMAP_FLAG_RECENT, keywords, 1 };
	imap_write_permanent_flags(&b, flags, true);
	imap_write_permanent_flags(&b, (struct imap_flags){ 0 }, true);
	check_written("permanent", &b, "(\\Seen \\Recent $Junk \\*)(\\*)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists),
		cmocka_unit_test(too_many_keywords),
		cmocka_unit_test(permanent_flags),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
