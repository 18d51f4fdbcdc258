/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "proto/mime/header.h"

static const struct {
	const char *name;
	str text;
	size_t size;   /* of the header */
	str fields[4]; /* name, value, name, value */
} cases[] = {
	{ "plain", S("A: b\r\nC:d\r\n\r\nbody"), 13, { S("A"), S(" b"), S("C"), S("d") } },
	{ "bare LF", S("A: b\nC:d\n\nbody"), 10, { S("A"), S(" b"), S("C"), S("d") } },
	{ "mixed", S("A: b\r\nC:d\n\r\nbody"), 12, { S("A"), S(" b"), S("C"), S("d") } },
	{ "folded", S("A: b\r\n c\r\n\td\r\n\r\n"), 16, { S("A"), S(" b\r\n c\r\n\td") } },
	{ "folded by a blank line of blanks", S("A: b\r\n \r\n c\r\n\r\n"), 15, { S("A"), S(" b\r\n \r\n c") } },
	{ "blanks before the colon", S("A \t: b\r\n\r\n"), 10, { S("A"), S(" b") } },
	{ "no colon", S("From me\r\nC:d\r\n\r\n"), 16, { S(""), S("From me"), S("C"), S("d") } },
	{ "no value", S("A:\r\n\r\n"), 6, { S("A"), S("") } },
	{ "no name", S(": b\r\n\r\n"), 7, { S(""), S(" b") } },
	{ "folding first", S(" x\r\nC:d\r\n\r\n"), 11, { S(""), S(" x"), S("C"), S("d") } },
	{ "never ends", S("A: b\r\nC: d"), 10, { S("A"), S(" b"), S("C"), S(" d") } },
	{ "no header", S("\r\nA: b"), 2, { NO_STR } },
	{ "nothing", S(""), 0, { NO_STR } },
	{ "CR is no line end", S("A: b\rC: d\r\n\r\n"), 13, { S("A"), S(" b\rC: d") } },
	{ "NUL", S("A\0: b\0\r\n\r\n"), 10, { S("A\0"), S(" b\0") } },
};

static void test_fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mime_field field;
		size_t at = 0, want = 0;
		str text = cases[i].text;
		if (mime_header_size(text) != cases[i].size)
			fail_msg("%s: got size %zu", cases[i].name, mime_header_size(text));
		for (; mime_field_next(text, &at, &field); want += 2) {
			assert_true(want < 4);
			check_str(cases[i].name, field.name, cases[i].fields[want]);
			check_str(cases[i].name, field.value, cases[i].fields[want + 1]);
			check_str(cases[i].name, field.raw, str_slice(text, field.start, field.end));
		}
		if (want < 4 && cases[i].fields[want].p != NULL)
			fail_msg("%s: field %zu is missing", cases[i].name, want / 2);
	}
}

static void test_find(void **state)
{
	(void)state;
	struct mime_field field;
	str header = S("A: 1\r\nB: 2\r\na: 3\r\n\r\nA: 4\r\n");
	check_err("first", mime_field_find(header, S("a"), &field), ERR_NONE);
	check_str("first", field.value, S(" 1"));
	check_err("last", mime_field_find_last(header, S("a"), &field), ERR_NONE);
	check_str("last", field.value, S(" 3"));
	check_err("none", mime_field_find(header, S("C"), &field), ERR_ABSENT);
	check_str("untouched", field.value, S(" 3"));
}

static void test_unfold(void **state)
{
	(void)state;
	static const struct {
		str value, want;
	} unfolded[] = {
		{ S(" a b"), S("a b") },
		{ S(" a\r\n b"), S("a b") },
		{ S(" a\n\tb "), S("a\tb ") },
		{ S("\r\n a"), S("a") },
		{ S(" a\rb"), S("a b") },
		{ S("a\r\r\n b"), S("a  b") },
		{ S(" \r\n "), S("") },
	};
	struct arena *a = arena_new("test", 10000);
	for (size_t i = 0; i < COUNT(unfolded); i++)
		check_str("unfold", mime_unfold(a, unfolded[i].value), unfolded[i].want);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_unfold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
