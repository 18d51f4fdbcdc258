/* SPDX-License-Identifier: Apache-2.0 */
/* What sendmail makes of what programs hand to it. */
#include "check.h"
#include "tool/letter.h"

#define ADDED "Date: Sun, 9 Sep 2001 01:46:40 +0000\nMessage-ID: <unique@mail.test>\n"
#define FROM "From: anna@mail.test\n"

static const struct {
	const char *name, *input, *header, *body, *recipients;
} cases[] = {
	{ "nothing", "", FROM ADDED "\n", "", "" },
	{ "a body alone", "hello\nyou\n", FROM ADDED "\n", "hello\nyou\n", "" },
	{ "an empty line first", "\nhello\n", FROM ADDED "\n", "hello\n", "" },
	{ "complete", "From: a@b.test\nDate: today\nMessage-ID: <1@2>\n\nbody",
		"From: a@b.test\nDate: today\nMessage-ID: <1@2>\n\n", "body", "" },
	{ "CRLF", "From: a@b.test\r\nSubject: s\r\n\r\nbody\r\n", "From: a@b.test\r\nSubject: s\r\n" ADDED "\n",
		"body\r\n", "" },
	{ "a header alone", "Subject: s", "Subject: s\n" FROM ADDED "\n", "", "" },
	{ "of cron", "From: root (Cron Daemon)\nTo: anna\nSubject: Cron <root@x>\n\nout\n",
		"From: Cron Daemon <root@mail.test>\nTo: anna@mail.test\nSubject: Cron <root@x>\n" ADDED "\n", "out\n",
		"anna@mail.test;" },
	{ "of a mailbox file", "From anna Mon Jan  1 00:00:00 2001\nSubject: s\n\nb", "Subject: s\n" FROM ADDED "\n",
		"b", "" },
	{ "recipients", "To: a@x.test, \"B, b\" <b@x.test>\nCc: c (comment)\nBcc: d@x.test,\n e\nFrom: f@x.test\n\n",
		"To: a@x.test, \"B, b\" <b@x.test>\nCc: comment <c@mail.test>\nFrom: f@x.test\n" ADDED "\n", "",
		"a@x.test;b@x.test;c@mail.test;d@x.test;e@mail.test;" },
	{ "a group", "To: people: a, b@x.test;, c\n\n",
		"To: people: a@mail.test,\n b@x.test;,\n c@mail.test\n" FROM ADDED "\n", "",
		"a@mail.test;b@x.test;c@mail.test;" },
	{ "resent", "To: a@x.test\nResent-To: b@x.test\nResent-Bcc: c\n\n",
		"To: a@x.test\nResent-To: b@x.test\n" FROM ADDED "\n", "", "b@x.test;c@mail.test;" },
	{ "encoded words stay", "To: =?utf-8?q?=C3=84?= <a>\n\n",
		"To: =?utf-8?q?=C3=84?= <a@mail.test>\n" FROM ADDED "\n", "", "a@mail.test;" },
	{ "quoted local parts", "Bcc: \"x\\\"y\"@z.test\n\n", FROM ADDED "\n", "", "\"x\\\"y\"@z.test;" },
	{ "a forged trace", "Return-Path: <x@y.test>\nSubject: s\n\n", "Subject: s\n" FROM ADDED "\n", "", "" },
	{ "a line that is no field", "Subject: s\nnot a field\nTo: a\n\nb", "Subject: s\n" FROM ADDED "\n",
		"not a field\nTo: a\n\nb", "" },
	{ "blanks before the colon", "bcc : a\nFrom : b@x.test\n\n", "From : b@x.test\n" ADDED "\n", "",
		"a@mail.test;" },
	{ "nobody", "To: undisclosed-recipients:;\n\n", "To: undisclosed-recipients:;\n" FROM ADDED "\n", "", "" },
};

static const struct letter_wish wish = {
	.sender = S("anna@mail.test"),
	.full_name = S(""),
	.domain = S("mail.test"),
	.unique = S("unique"),
	.now = 1000000000,
	.reads_recipients = true,
};

static void test_letters(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new("test", 64 << 20);
		char room[1000];
		struct buf all = BUF_ON(room);
		struct letter l = { .count = 0 };
		check_err(cases[i].name, letter_make(str_of(cases[i].input), &wish, a, &l), ERR_NONE);
		check_str(cases[i].name, l.header, str_of(cases[i].header));
		check_str(cases[i].name, l.body, str_of(cases[i].body));
		for (size_t k = 0; k < l.count; k++)
			buf_addf(&all, "%.*s;", ARG(l.recipients[k]));
		check_str(cases[i].name, buf_str(&all), str_of(cases[i].recipients));
		arena_free(&a);
	}
}

static void test_names(void **state)
{
	(void)state;
	static const struct {
		str name;
		const char *from;
	} names[] = {
		{ S("Anna Berg"), "From: Anna Berg <anna@mail.test>\n" },
		{ S("Berg, Anna"), "From: \"Berg, Anna\" <anna@mail.test>\n" },
		{ S("A \"B\" C"), "From: \"A \\\"B\\\" C\" <anna@mail.test>\n" },
		{ S("x\r\nBcc: y"), "From: \"x  Bcc: y\" <anna@mail.test>\n" },
	};
	for (size_t i = 0; i < COUNT(names); i++) {
		struct arena *a = arena_new("test", 64 << 20);
		struct letter_wish w = wish;
		struct letter l;
		w.full_name = names[i].name;
		check_err(names[i].from, letter_make(S("\n"), &w, a, &l), ERR_NONE);
		check_str(names[i].from, str_slice(l.header, 0, strlen(names[i].from)), str_of(names[i].from));
		arena_free(&a);
	}
}

static void test_without_t(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 64 << 20);
	struct letter_wish w = wish;
	struct letter l;
	w.reads_recipients = false;
	check_err("no -t", letter_make(S("To: a@x.test\nBcc: b@x.test\n\n"), &w, a, &l), ERR_NONE);
	assert_int_equal(l.count, 0);
	assert_true(str_starts(l.header, S("To: a@x.test\nFrom:")));
	arena_free(&a);
}

static void check_refused(const char *name, str input, enum err_code want)
{
	struct arena *a = arena_new("test", 64 << 20);
	struct letter l = { .wrong = NULL };
	check_err(name, letter_make(input, &wish, a, &l), want);
	assert_non_null(l.wrong);
	arena_free(&a);
}

static void test_refusals(void **state)
{
	(void)state;
	static char many[40000], large[LETTER_HEADER_MAX + 100];
	struct buf b = BUF_ON(many);
	check_refused("no address", S("To: <>, a@b.test\n\n"), ERR_SYNTAX);
	check_refused("half of one", S("To: <a@b.test\n\n"), ERR_SYNTAX);
	buf_add(&b, S("To: a0"));
	for (int i = 1; i <= LETTER_RECIPIENTS_MAX; i++)
		buf_addf(&b, ",\n a%d", i);
	check_refused("too many", buf_str(&b), ERR_LIMIT);
	memset(large, 'x', sizeof large);
	memcpy(large, "Subject: ", 9);
	large[sizeof large - 1] = '\n';
	check_refused("too long", str_from(large, sizeof large), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_without_t),
		cmocka_unit_test(test_refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
