/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http/response.h"

#include "check.h"

#define OK_LINE "HTTP/1.1 200 OK\r\n"

static const struct {
	const char *text;
	bool ended;
	enum err_code code;
	unsigned status;
	const char *type, *body;
} cases[] = {
	{ OK_LINE "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\nhello", false, ERR_NONE, 200,
		"text/plain", "hello" },
	{ OK_LINE "Content-Length: 2\r\n\r\nhello", false, ERR_NONE, 200, "", "he" },
	{ OK_LINE "\r\nhello", true, ERR_NONE, 200, "", "hello" },
	{ OK_LINE "\r\nhello", false, ERR_AGAIN, 0, NULL, NULL },
	{ "HTTP/1.0 404 Not Found\nContent-Length: 0\n\n", false, ERR_NONE, 404, "", "" },
	{ "HTTP/1.1 301\r\nLocation: https://a/\r\nContent-Length: 0\r\n\r\n", false, ERR_NONE, 301, "", "" },
	{ OK_LINE "transfer-encoding: Chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n", false, ERR_NONE, 200, "",
		"hello" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", false, ERR_AGAIN, 0, NULL, NULL },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n-1\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE "Transfer-Encoding: gzip, chunked\r\n\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE "Content-Length: 5\r\n\r\nhell", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE "Content-Length: 5\r\n\r\nhell", false, ERR_AGAIN, 0, NULL, NULL },
	{ OK_LINE "Content-Length: +5\r\n\r\nhello", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE "Content-Length: 99999999999\r\n\r\n", false, ERR_LIMIT, 0, NULL, NULL },
	{ OK_LINE "No colon\r\n\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE " folded: 1\r\n\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ OK_LINE, false, ERR_AGAIN, 0, NULL, NULL },
	{ "HTTP/1.1 20", false, ERR_AGAIN, 0, NULL, NULL },
	{ "HTTP/2 200 OK\r\n\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ "HTTP/1.1 099 OK\r\n\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ "HTTP/1.1 2000 OK\r\n\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ "220 mail.example.org ESMTP\r\n\r\n", true, ERR_SYNTAX, 0, NULL, NULL },
	{ "", false, ERR_AGAIN, 0, NULL, NULL },
	{ "", true, ERR_SYNTAX, 0, NULL, NULL },
};

static void cases_test(void **state)
{
	struct arena *a = arena_new("test", 1 << 16);
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_response r = { 0 };
		check_err(cases[i].text, http_response_parse(str_of(cases[i].text), cases[i].ended, a, &r),
			cases[i].code);
		assert_int_equal(r.status, cases[i].status);
		if (cases[i].code != ERR_NONE)
			continue;
		check_str(cases[i].text, r.media_type, str_of(cases[i].type));
		check_str(cases[i].text, r.body, str_of(cases[i].body));
	}
	arena_free(&a);
}

/* What is complete is so whatever comes in between: each shorter beginning wants more. */
static void growing_test(void **state)
{
	struct arena *a = arena_new("test", 1 << 16);
	str text = str_of(cases[6].text);
	struct http_response r;
	(void)state;
	for (size_t n = 0; n < text.n - 2; n++)
		check_err("shorter", http_response_parse(str_slice(text, 0, n), false, a, &r), ERR_AGAIN);
	arena_free(&a);
}

static void many_fields_test(void **state)
{
	static char text[20000] = OK_LINE;
	size_t n = sizeof OK_LINE - 1;
	struct http_response r;
	struct arena *a = arena_new("test", 1 << 16);
	(void)state;
	for (size_t i = 0; i < 300; i++, n += 6)
		memcpy(text + n, "a: b\r\n", 6);
	check_err("fields", http_response_parse(str_from(text, n), false, a, &r), ERR_SYNTAX);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases_test),
		cmocka_unit_test(growing_test),
		cmocka_unit_test(many_fields_test),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
