/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include "proto/imap/fetch.h"

enum {
	UID = IMAP_FETCH_UID,
	FLAGS = IMAP_FETCH_FLAGS,
	DATE = IMAP_FETCH_INTERNALDATE,
	SIZE = IMAP_FETCH_SIZE,
	ENVELOPE = IMAP_FETCH_ENVELOPE,
	BODY = IMAP_FETCH_STRUCTURE,
	BODYSTRUCTURE = IMAP_FETCH_BODYSTRUCTURE,
	NOTHING = 0,
};

/* written: the sections as a response names them, each with a space behind it, and ! after one that is no peek. */
/* clang-format off */
static const struct { const char *items; enum err_code want; unsigned bits; const char *written; } cases[] = {
	{ "FLAGS",                            ERR_NONE, FLAGS,                         "" },
	{ "(FLAGS)",                          ERR_NONE, FLAGS,                         "" },
	{ "(flags uid)",                      ERR_NONE, FLAGS | UID,                   "" },
	{ "ALL",                              ERR_NONE, FLAGS | DATE | SIZE | ENVELOPE, "" },
	{ "fast",                             ERR_NONE, FLAGS | DATE | SIZE,           "" },
	{ "FULL",                             ERR_NONE, FLAGS | DATE | SIZE | ENVELOPE | BODY, "" },
	{ "(INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE)", ERR_NONE, DATE | SIZE | ENVELOPE | BODY | BODYSTRUCTURE, "" },
	{ "BODY[]",                           ERR_NONE, NOTHING, "BODY[]! " },
	{ "body.peek[]",                      ERR_NONE, NOTHING, "BODY[] " },
	{ "BODY[TEXT]",                       ERR_NONE, NOTHING, "BODY[TEXT]! " },
	{ "BODY.PEEK[HEADER]",                ERR_NONE, NOTHING, "BODY[HEADER] " },
	{ "BODY[]<0.100>",                    ERR_NONE, NOTHING, "BODY[]<0>! " },
	{ "BODY.PEEK[1.2.TEXT]<4294967296.1>", ERR_NONE, NOTHING, "BODY[1.2.TEXT]<4294967296> " },
	{ "BODY[1]",                          ERR_NONE, NOTHING, "BODY[1]! " },
	{ "BODY[4.2.2.1]",                    ERR_NONE, NOTHING, "BODY[4.2.2.1]! " },
	{ "BODY[1.MIME]",                     ERR_NONE, NOTHING, "BODY[1.MIME]! " },
	{ "BODY[3.header]",                   ERR_NONE, NOTHING, "BODY[3.HEADER]! " },
	{ "BODY[HEADER.FIELDS (To)]",         ERR_NONE, NOTHING, "BODY[HEADER.FIELDS (To)]! " },
	{ "BODY[HEADER.FIELDS (To \"cc\" {4}\r\nFrom)]", ERR_NONE, NOTHING, "BODY[HEADER.FIELDS (To cc From)]! " },
	{ "BODY[1.HEADER.FIELDS.NOT (To Cc)]", ERR_NONE, NOTHING, "BODY[1.HEADER.FIELDS.NOT (To Cc)]! " },
	{ "(BODY[1] FLAGS BODY.PEEK[2])",     ERR_NONE, FLAGS,   "BODY[1]! BODY[2] " },
	{ "RFC822",                           ERR_NONE, NOTHING, "RFC822! " },
	{ "(RFC822.HEADER RFC822.TEXT)",      ERR_NONE, NOTHING, "RFC822.HEADER RFC822.TEXT! " },
	{ "",                       ERR_SYNTAX, 0, NULL },
	{ "()",                     ERR_SYNTAX, 0, NULL },
	{ "(FLAGS",                 ERR_SYNTAX, 0, NULL },
	{ "(FLAGS )",               ERR_SYNTAX, 0, NULL },
	{ "(FLAGS UID))",           ERR_SYNTAX, 0, NULL },
	{ "FLAGS UID",              ERR_SYNTAX, 0, NULL },
	{ "(ALL)",                  ERR_SYNTAX, 0, NULL },
	{ "ALLX",                   ERR_SYNTAX, 0, NULL },
	{ "MODSEQ",                 ERR_SYNTAX, 0, NULL },
	{ "FLAGS.",                 ERR_SYNTAX, 0, NULL },
	{ "BODY.PEEK",              ERR_SYNTAX, 0, NULL },
	{ "BODYSTRUCTURE[]",        ERR_SYNTAX, 0, NULL },
	{ "RFC822[]",               ERR_SYNTAX, 0, NULL },
	{ "BODY []",                ERR_SYNTAX, 0, NULL },
	{ "BODY[",                  ERR_SYNTAX, 0, NULL },
	{ "BODY[0]",                ERR_SYNTAX, 0, NULL },
	{ "BODY[1.]",               ERR_SYNTAX, 0, NULL },
	{ "BODY[.1]",               ERR_SYNTAX, 0, NULL },
	{ "BODY[1..2]",             ERR_SYNTAX, 0, NULL },
	{ "BODY[1 2]",              ERR_SYNTAX, 0, NULL },
	{ "BODY[MIME]",             ERR_SYNTAX, 0, NULL },
	{ "BODY[1TEXT]",            ERR_SYNTAX, 0, NULL },
	{ "BODY[TEXT.1]",           ERR_SYNTAX, 0, NULL },
	{ "BODY[HEADER.FIELDS]",    ERR_SYNTAX, 0, NULL },
	{ "BODY[HEADER.FIELDS ()]", ERR_SYNTAX, 0, NULL },
	{ "BODY[HEADER.FIELDS (\"\")]", ERR_SYNTAX, 0, NULL },
	{ "BODY[HEADER.FIELDS (\"a b\")]", ERR_SYNTAX, 0, NULL },
	{ "BODY[HEADER.FIELDS (a:)]", ERR_SYNTAX, 0, NULL },
	{ "BODY[HEADER.FIELDSX (a)]", ERR_SYNTAX, 0, NULL },
	{ "BODY[]<0>",              ERR_SYNTAX, 0, NULL },
	{ "BODY[]<0.0>",            ERR_SYNTAX, 0, NULL },
	{ "BODY[]<0.1",             ERR_SYNTAX, 0, NULL },
	{ "BODY[]<-1.1>",           ERR_SYNTAX, 0, NULL },
	{ "BODY[]<9223372036854775808.1>", ERR_LIMIT, 0, NULL },
	{ "BODY[4294967296]",       ERR_LIMIT,  0, NULL },
};
/* clang-format on */

static void check_fetch(const char *name, str args, enum err_code want, unsigned bits, const char *written)
{
	char room[TEXT_MAX];
	struct buf b = BUF_ON(room);
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_fetch got = { .items = 12345 };
	struct cur c = cur_of(args);
	check_err(name, imap_fetch_parse(&c, a, &got), want);
	if (want != ERR_NONE) {
		assert_int_equal(got.items, 12345);
		assert_non_null(c.expected);
		arena_free(&a);
		return;
	}
	bool sets_seen = false;
	for (size_t i = 0; i < got.section_count; i++) {
		imap_write_section(&b, &got.sections[i]);
		buf_add(&b, got.sections[i].is_peek ? S(" ") : S("! "));
		sets_seen |= !got.sections[i].is_peek;
	}
	check_written(name, &b, written);
	if (got.items != bits || got.sets_seen != sets_seen || got.set.count != 1)
		fail_msg("%s: got items %u, sets seen %d", name, got.items, got.sets_seen);
	arena_free(&a);
}

static void items(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		buf_addf(&b, "1:* %s", cases[i].items);
		check_fetch(cases[i].items, buf_str(&b), cases[i].want, cases[i].bits, cases[i].written);
	}
	check_fetch("no set", S("FLAGS"), ERR_SYNTAX, 0, NULL);
	check_fetch("no items", S("1"), ERR_SYNTAX, 0, NULL);
	check_fetch("two spaces", S("1  FLAGS"), ERR_SYNTAX, 0, NULL);
}

static void partial_and_parts(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", ARENA_MAX);
	struct imap_fetch got;
	struct cur c = cur_of(S("1 BODY[3.1.4.HEADER.FIELDS (A B)]<10.20>"));
	check_err("fetch", imap_fetch_parse(&c, a, &got), ERR_NONE);
	const struct imap_section *section = &got.sections[0];
	assert_int_equal(section->part_count, 3);
	assert_int_equal(section->parts[0], 3);
	assert_int_equal(section->parts[2], 4);
	assert_int_equal(section->field_count, 2);
	check_str("field", section->fields[1], S("B"));
	assert_true(section->is_partial);
	assert_int_equal(section->offset, 10);
	assert_int_equal(section->length, 20);
	arena_free(&a);
}

/* As many of a repeated piece as fit, then one more. */
static void check_limit(const char *start, const char *piece, const char *between, const char *end, size_t most)
{
	for (size_t n = most; n <= most + 1; n++) {
		static char room[TEXT_MAX];
		struct buf b = BUF_ON(room);
		struct arena *a = arena_new("test", ARENA_MAX);
		struct imap_fetch got;
		buf_add(&b, str_of(start));
		for (size_t i = 0; i < n; i++)
			buf_addf(&b, "%s%s", i > 0 ? between : "", piece);
		buf_add(&b, str_of(end));
		assert_false(b.lost);
		struct cur c = cur_of(buf_str(&b));
		check_err(start, imap_fetch_parse(&c, a, &got), n > most ? ERR_LIMIT : ERR_NONE);
		arena_free(&a);
	}
}

static void limits(void **state)
{
	(void)state;
	check_limit("1 (", "BODY[1]", " ", ")", IMAP_SECTIONS_MAX);
	check_limit("1 BODY[", "1", ".", "]", IMAP_PARTS_MAX);
	check_limit("1 BODY[HEADER.FIELDS (", "a", " ", ")]", IMAP_SECTION_FIELDS_MAX);
}

/* However small the budget, the answer is a result or a lack of memory. */
static void little_memory(void **state)
{
	(void)state;
	for (size_t budget = 1; budget < 3000; budget += 7) {
		struct arena *a = arena_new("test", budget);
		struct imap_fetch got;
		struct cur c =
			cur_of(S("1,2 (BODY[1.2] BODY[HEADER.FIELDS (a b c d e)] BODY[] RFC822 BODY[2] BODY[3])"));
		err e = imap_fetch_parse(&c, a, &got);
		check_err("little", e, arena_spent(a) ? ERR_MEMORY : ERR_NONE);
		arena_free(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items),
		cmocka_unit_test(partial_and_parts),
		cmocka_unit_test(limits),
		cmocka_unit_test(little_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
