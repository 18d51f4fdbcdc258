/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/json.h"
#include "tool/fields.h"

static void lines(void **state)
{
	(void)state;
	static const struct {
		const char *line, *name, *value;
		enum err_code code;
	} cases[] = {
		{ "{}", "a", NULL, ERR_NONE },
		{ "{\"a\":\"b\"}", "a", "b", ERR_NONE },
		{ " { \"a\" : 17 , \"b\" : true } ", "a", "17", ERR_NONE },
		{ "{\"a\":false}", "a", "no", ERR_NONE },
		{ "{\"a\":null}", "a", NULL, ERR_NONE },
		{ "{\"a\":-5}", "a", "-5", ERR_NONE },
		{ "{\"a\":[]}", "a", "", ERR_NONE },
		{ "{\"a\":[\"x\", \"y\"]}", "a", "x, y", ERR_NONE },
		{ "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}", "a", "\"\\/\b\f\n\r\t", ERR_NONE },
		{ "{\"a\":\"\\u0041\\u00e9\\u20AC\"}", "a", "A\xc3\xa9\xe2\x82\xac", ERR_NONE },
		{ "{\"a\":\"\\ud83d\\ude00\"}", "a", "\xf0\x9f\x98\x80", ERR_NONE },
		{ "{\"a\":\"\\ud83d\"}", NULL, NULL, ERR_SYNTAX },
		{ "{\"a\":\"\\x\"}", NULL, NULL, ERR_SYNTAX },
		{ "{\"a\":\"b\n\"}", NULL, NULL, ERR_SYNTAX },
		{ "{\"a\":\"b", NULL, NULL, ERR_SYNTAX },
		{ "{\"a\":{}}", NULL, NULL, ERR_SYNTAX },
		{ "{\"a\"}", NULL, NULL, ERR_SYNTAX },
		{ "{\"a\":1,}", NULL, NULL, ERR_SYNTAX },
		{ "{} x", NULL, NULL, ERR_SYNTAX },
		{ "", NULL, NULL, ERR_SYNTAX },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new("test", 1 << 20);
		struct fields f;
		check_err(cases[i].line, fields_parse(str_of(cases[i].line), a, &f), cases[i].code);
		if (cases[i].code == ERR_NONE) {
			str got = fields_get(&f, str_of(cases[i].name));
			check_str(cases[i].line, got, str_of(cases[i].value));
			assert_int_equal(got.p == NULL, cases[i].value == NULL);
		}
		arena_free(&a);
	}
}

static void what_we_write(void **state)
{
	(void)state;
	char room[500];
	struct buf line = BUF_ON(room);
	struct arena *a = arena_new("test", 1 << 20);
	struct fields f;
	struct json j = json_begin(&line);
	json_text(&j, "text", S("a\"b\\\x01\n\xc3\xa9"));
	json_number(&j, "number", UINT64_MAX);
	json_list_begin(&j, "list");
	json_list_item(&j, S("x"));
	json_list_item(&j, S("y"));
	json_list_end(&j);
	json_end(&j);
	check_err("parse", fields_parse(buf_str(&line), a, &f), ERR_NONE);
	check_str("text", fields_get(&f, S("text")), S("a\"b\\\x01\n\xc3\xa9"));
	check_str("number", fields_get(&f, S("number")), S("18446744073709551615"));
	check_str("list", fields_get(&f, S("list")), S("x, y"));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lines), cmocka_unit_test(what_we_write) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
