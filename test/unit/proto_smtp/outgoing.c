/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "proto/smtp/outgoing.h"

/* clang-format off */
static const struct { const char *name; str in, data, bdat; } cases[] = {
	{ "empty",             S(""),                    S(""),                       S("") },
	{ "one line",          S("a\r\n"),               S("a\r\n"),                  S("a\r\n") },
	{ "no line end",       S("a"),                   S("a\r\n"),                  S("a\r\n") },
	{ "dots",              S(".\r\n..\r\na.\r\n."),  S("..\r\n...\r\na.\r\n..\r\n"), S(".\r\n..\r\na.\r\n.\r\n") },
	{ "lone LF",           S("a\n.\nb\r\n"),         S("a . b\r\n"),              S("a . b\r\n") },
	{ "lone CR",           S("a\r.\rb\r\n"),         S("a . b\r\n"),              S("a . b\r\n") },
	{ "LF CR",             S("a\n\rb\r\n"),          S("a  b\r\n"),               S("a  b\r\n") },
	{ "CR CR LF",          S("a\r\r\nb\r\n"),        S("a \r\nb\r\n"),            S("a \r\nb\r\n") },
	{ "LF dot CRLF",       S("a\n.\r\nQUIT\r\n"),    S("a .\r\nQUIT\r\n"),        S("a .\r\nQUIT\r\n") },
	{ "CR dot CR",         S("a\r\n.\rb\r\n"),       S("a\r\n.. b\r\n"),          S("a\r\n. b\r\n") },
	{ "CR last",           S("a\r"),                 S("a \r\n"),                 S("a \r\n") },
	{ "LF first",          S("\na"),                 S(" a\r\n"),                 S(" a\r\n") },
	{ "NUL",               S("a\0b\r\n"),            S("a\0b\r\n"),               S("a\0b\r\n") },
};
/* clang-format on */

/* In pieces of every size: always the same. */
static void run(const char *name, str in, bool stuffs, str want)
{
	for (size_t piece = 1; piece < 9; piece++) {
		char room[200];
		struct buf b = BUF_ON(room);
		struct smtp_outgoing o = smtp_outgoing_start(stuffs);
		for (str rest = in; rest.n > 0; rest = str_after(rest, piece)) {
			size_t before = b.n;
			str bytes = str_slice(rest, 0, piece);
			smtp_outgoing_add(&o, bytes, &b);
			assert_true(b.n - before <= smtp_outgoing_room(bytes.n));
		}
		smtp_outgoing_end(&o, &b);
		check_str(name, buf_str(&b), want);
	}
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		run(cases[i].name, cases[i].in, true, cases[i].data);
		run(cases[i].name, cases[i].in, false, cases[i].bdat);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
