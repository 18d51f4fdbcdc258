/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/flag.h"
#include "proto/imap/search.h"

/* written: each test as "key detail ?yes:no", M and N for match and no match, with a space between two. */
/* clang-format off */
static const struct { const char *args; enum err_code want; const char *written; } cases[] = {
	{ "ALL",                 ERR_NONE, "all?M:N" },
	{ "1:3,*",               ERR_NONE, "set 1:3,0:0?M:N" },
	{ "UID 4:*",             ERR_NONE, "uid 4:0?M:N" },
	{ "SEEN",                ERR_NONE, "flag 8=8?M:N" },
	{ "unseen",              ERR_NONE, "flag 8=0?M:N" },
	{ "ANSWERED FLAGGED DELETED DRAFT RECENT", ERR_NONE, "flag 1=1?1:N flag 2=2?2:N flag 4=4?3:N flag 16=16?4:N flag 32=32?M:N" },
	{ "UNANSWERED UNFLAGGED UNDELETED UNDRAFT OLD", ERR_NONE, "flag 1=0?1:N flag 2=0?2:N flag 4=0?3:N flag 16=0?4:N flag 32=0?M:N" },
	{ "NEW",                 ERR_NONE, "flag 40=32?M:N" },
	{ "KEYWORD $Junk",       ERR_NONE, "keyword [$Junk]?M:N" },
	{ "UNKEYWORD $Junk",     ERR_NONE, "keyword [$Junk]?N:M" },
	{ "BEFORE 2-Jan-1970",   ERR_NONE, "arrived -:0?M:N" },
	{ "ON \"2-Jan-1970\"",   ERR_NONE, "arrived 1:1?M:N" },
	{ "SINCE 2-Jan-1970",    ERR_NONE, "arrived 1:-?M:N" },
	{ "SENTBEFORE 2-Jan-1970 SENTON 2-Jan-1970 SENTSINCE 2-Jan-1970", ERR_NONE, "sent -:0?1:N sent 1:1?2:N sent 1:-?M:N" },
	{ "LARGER 10 SMALLER 20", ERR_NONE, "size 11:-?1:N size 0:19?M:N" },
	{ "SMALLER 0",           ERR_NONE, "size 0:-1?M:N" },
	{ "LARGER 9223372036854775806", ERR_NONE, "size -:-?M:N" },
	{ "FROM a TO b CC c BCC d", ERR_NONE, "address From [a]?1:N address To [b]?2:N address Cc [c]?3:N address Bcc [d]?M:N" },
	{ "SUBJECT \"a b\"",     ERR_NONE, "header Subject [a b]?M:N" },
	{ "HEADER X-Mailer \"\"", ERR_NONE, "header X-Mailer []?M:N" },
	{ "BODY {3}\r\na\"b TEXT c", ERR_NONE, "body [a\"b]?1:N text [c]?M:N" },
	{ "SUBJECT {2}\r\n\xc3\xa9", ERR_NONE, "header Subject [\xc3\xa9]?M:N" },
	{ "CHARSET utf-8 ALL",   ERR_NONE, "all?M:N" },
	{ "CHARSET \"US-ASCII\" ALL", ERR_NONE, "all?M:N" },
	{ "NOT ALL",             ERR_NONE, "all?N:M" },
	{ "NOT NOT ALL",         ERR_NONE, "all?M:N" },
	{ "OR SEEN DRAFT",       ERR_NONE, "flag 8=8?M:1 flag 16=16?M:N" },
	{ "OR SEEN DRAFT ALL",   ERR_NONE, "flag 8=8?2:1 flag 16=16?2:N all?M:N" },
	{ "NOT OR SEEN DRAFT",   ERR_NONE, "flag 8=8?N:1 flag 16=16?N:M" },
	{ "(SEEN DRAFT)",        ERR_NONE, "flag 8=8?1:N flag 16=16?M:N" },
	{ "NOT (SEEN DRAFT)",    ERR_NONE, "flag 8=8?1:M flag 16=16?N:M" },
	{ "OR (SEEN 1) (DRAFT 2)", ERR_NONE, "flag 8=8?1:2 set 1:1?M:2 flag 16=16?3:N set 2:2?M:N" },
	{ "OR OR SEEN 1 NOT (2 UNKEYWORD k)", ERR_NONE, "flag 8=8?M:1 set 1:1?M:2 set 2:2?3:M keyword [k]?M:N" },
	/* The row before the header before the body, and as written where they are alike. */
	{ "BODY a SUBJECT b SEEN DRAFT", ERR_NONE, "flag 8=8?1:N flag 16=16?2:N header Subject [b]?3:N body [a]?M:N" },
	{ "OR TEXT a 1",         ERR_NONE, "set 1:1?M:1 text [a]?M:N" },
	{ "NOT (BODY a 1) 2",    ERR_NONE, "set 2:2?1:N set 1:1?2:M body [a]?N:M" },
	{ "OR (BODY a 1) (2 FROM b) 3", ERR_NONE,
		"set 3:3?1:N set 2:2?2:3 address From [b]?M:3 set 1:1?4:N body [a]?M:N" },
	{ "((((ALL))))",         ERR_NONE, "all?M:N" },
	{ "CHARSET ISO-8859-1 ALL", ERR_UNSUPPORTED, NULL },
	{ "CHARSET UTF-8",       ERR_SYNTAX, NULL },
	{ "",                    ERR_SYNTAX, NULL },
	{ "()",                  ERR_SYNTAX, NULL },
	{ "(ALL",                ERR_SYNTAX, NULL },
	{ "ALL)",                ERR_SYNTAX, NULL },
	{ "ALL ",                ERR_SYNTAX, NULL },
	{ "NOT",                 ERR_SYNTAX, NULL },
	{ "OR SEEN",             ERR_SYNTAX, NULL },
	{ "ALLX",                ERR_SYNTAX, NULL },
	{ "$",                   ERR_SYNTAX, NULL },
	{ "UID",                 ERR_SYNTAX, NULL },
	{ "UID $",               ERR_SYNTAX, NULL },
	{ "FROM",                ERR_SYNTAX, NULL },
	{ "FROM \"\xff\"",       ERR_SYNTAX, NULL },
	{ "HEADER a",            ERR_SYNTAX, NULL },
	{ "KEYWORD \\Seen",      ERR_SYNTAX, NULL },
	{ "BEFORE 1-Foo-1970",   ERR_SYNTAX, NULL },
	{ "LARGER x",            ERR_SYNTAX, NULL },
	{ "LARGER -1",           ERR_SYNTAX, NULL },
	{ "RETURN (MIN) ALL",    ERR_SYNTAX, NULL },
	{ "MODSEQ 5",            ERR_SYNTAX, NULL },
	{ "LARGER 9223372036854775808", ERR_LIMIT, NULL },
};
/* clang-format on */

static const char *const keys[] = { "all", "set", "uid", "flag", "keyword", "arrived", "size", "sent", "address",
	"header", "body", "text" };

static void write_bound(struct buf *b, int64_t bound)
{
	if (bound == INT64_MIN || bound == INT64_MAX)
		buf_byte(b, '-');
	else
		buf_addf(b, "%lld", (long long)bound);
}

static void write_target(struct buf *b, uint16_t target)
{
	if (target >= IMAP_SEARCH_NO_MATCH)
		buf_byte(b, target == IMAP_SEARCH_MATCH ? 'M' : 'N');
	else
		buf_number(b, target);
}

static void write_test(struct buf *b, const struct imap_search_test *test)
{
	buf_add(b, str_of(keys[test->key]));
	if (test->key == IMAP_SEARCH_FLAG)
		buf_addf(b, " %u=%u", test->mask, test->flags);
	for (size_t i = 0; i < test->set.count; i++)
		buf_addf(b, "%c%u:%u", i == 0 ? ' ' : ',', test->set.ranges[i].first, test->set.ranges[i].last);
	if (test->key >= IMAP_SEARCH_ARRIVED && test->key <= IMAP_SEARCH_SENT) {
		buf_byte(b, ' ');
		write_bound(b, test->low);
		buf_byte(b, ':');
		write_bound(b, test->high);
	}
	if (test->field.p != NULL)
		buf_addf(b, " %.*s", ARG(test->field));
	if (test->text.p != NULL)
		buf_addf(b, " [%.*s]", ARG(test->text));
	buf_byte(b, '?');
	write_target(b, test->yes);
	buf_byte(b, ':');
	write_target(b, test->no);
}

static void programs(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct imap_search got = { 0 };
		struct cur c = cur_of(str_of(cases[i].args));
		check_err(cases[i].args, imap_search_parse(&c, a, &got), cases[i].want);
		for (uint16_t k = 0; k < got.count; k++) {
			buf_add(&b, k > 0 ? S(" ") : S(""));
			write_test(&b, &got.tests[k]);
		}
		check_written(cases[i].args, &b, cases[i].written);
		if (cases[i].want != ERR_NONE && (got.tests != NULL || c.expected == NULL))
			fail_msg("%s: a result, or no reason, in spite of the failure", cases[i].args);
	}
	arena_free(&a);
}

static void highest_key(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_search got;
	struct cur flags = cur_of(S("SEEN 1 DRAFT")), body = cur_of(S("BODY x SEEN"));
	check_err("flags", imap_search_parse(&flags, a, &got), ERR_NONE);
	assert_int_equal(got.highest, IMAP_SEARCH_FLAG);
	check_err("body", imap_search_parse(&body, a, &got), ERR_NONE);
	assert_int_equal(got.highest, IMAP_SEARCH_BODY);
	arena_free(&a);
}

static err repeated(const char *start, const char *piece, size_t n, const char *end)
{
	static char room[64 << 10];
	struct buf b = BUF_ON(room);
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_search got;
	buf_add(&b, str_of(start));
	for (size_t i = 0; i < n; i++)
		buf_add(&b, str_of(piece));
	buf_add(&b, str_of(end));
	assert_false(b.lost);
	struct cur c = cur_of(buf_str(&b));
	err e = imap_search_parse(&c, a, &got);
	arena_free(&a);
	return e;
}

static void limits(void **state)
{
	(void)state;
	check_err("tests", repeated("", "ALL ", IMAP_SEARCH_TESTS_MAX - 1, "ALL"), ERR_NONE);
	check_err("one test more", repeated("", "ALL ", IMAP_SEARCH_TESTS_MAX, "ALL"), ERR_LIMIT);
	check_err("depth", repeated("", "NOT ", IMAP_SEARCH_DEPTH_MAX - 1, "ALL"), ERR_NONE);
	check_err("one NOT more", repeated("", "NOT ", IMAP_SEARCH_DEPTH_MAX, "ALL"), ERR_LIMIT);
	check_err("parentheses", repeated("", "(", 60000, ""), ERR_LIMIT);
	check_err("OR in OR", repeated("", "OR ALL ", 9000, "ALL"), ERR_LIMIT);
}

static void little_memory(void **state)
{
	(void)state;
	for (size_t budget = 1; budget < 3000; budget += 7) {
		struct arena *a = arena_new("test", budget);
		struct imap_search got;
		struct cur c = cur_of(S("OR (1,2 NOT 3) (UNKEYWORD k FROM \"a\\\\\" 7) SEEN DRAFT OLD"));
		err e = imap_search_parse(&c, a, &got);
		check_err("little", e, arena_spent(a) ? ERR_MEMORY : ERR_NONE);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(programs),
		cmocka_unit_test(highest_key),
		cmocka_unit_test(limits),
		cmocka_unit_test(little_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
