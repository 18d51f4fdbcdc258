/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/json.h"

static const struct {
	const char *name;
	str value, want;
} strings[] = {
	{ "empty", S(""), S("\"\"") },
	{ "plain", S("anna@example.org"), S("\"anna@example.org\"") },
	{ "quote and backslash", S("a\"b\\c"), S("\"a\\\"b\\\\c\"") },
	{ "line break", S("a\r\nb\t"), S("\"a\\u000d\\u000ab\\u0009\"") },
	{ "NUL", S("a\0b"), S("\"a\\u0000b\"") },
	{ "DEL", S("\x7f"), S("\"\\u007f\"") },
	{ "C1 control", S("\xc2\x9b"), S("\"\\u009b\"") },
	{ "two bytes", S("\xc3\xbc"), S("\"\xc3\xbc\"") },
	{ "three bytes", S("\xe2\x82\xac"), S("\"\xe2\x82\xac\"") },
	{ "four bytes", S("\xf0\x9f\x98\x80"), S("\"\xf0\x9f\x98\x80\"") },
	{ "lone byte", S("a\xffz"), S("\"a\xef\xbf\xbdz\"") },
	{ "overlong", S("\xc0\xaf"), S("\"\xef\xbf\xbd\xef\xbf\xbd\"") },
	{ "overlong of three", S("\xe0\x80\xaf"), S("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") },
	{ "surrogate", S("\xed\xa0\x80"), S("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") },
	{ "cut off", S("\xe2\x82"), S("\"\xef\xbf\xbd\xef\xbf\xbd\"") },
	{ "above U+10FFFF", S("\xf4\x90\x80\x80"), S("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") },
};

static void test_strings(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(strings); i++) {
		char room[64];
		struct buf b = BUF_ON(room);
		json_string(&b, strings[i].value);
		check_str(strings[i].name, buf_str(&b), strings[i].want);
	}
}

static void test_object(void **state)
{
	(void)state;
	char room[200];
	struct buf b = BUF_ON(room);
	struct json j = json_begin(&b);
	json_text(&j, "login", S("kx77-anna"));
	json_text(&j, "name", NO_STR);
	json_number(&j, "quota", UINT64_MAX);
	json_list_begin(&j, "addresses");
	json_list_item(&j, S("a"));
	json_list_item(&j, S("b"));
	json_list_end(&j);
	json_list_begin(&j, "none");
	json_list_end(&j);
	json_flag(&j, "active", true);
	json_end(&j);
	check_str("object", buf_str(&b),
		S("{\"login\":\"kx77-anna\",\"name\":null,\"quota\":18446744073709551615,"
		  "\"addresses\":[\"a\",\"b\"],\"none\":[],\"active\":true}"));
}

static void test_full(void **state)
{
	(void)state;
	char room[8];
	struct buf b = BUF_ON(room);
	struct json j = json_begin(&b);
	json_text(&j, "login", S("kx77"));
	json_end(&j);
	assert_true(b.lost);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_object),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
