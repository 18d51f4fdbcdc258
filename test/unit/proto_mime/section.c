/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "proto/mime/section.h"

/* The example of RFC 3501 6.4.5, in small: 1 text, 2 application, 3 message (3.1 text, 3.2 application),
 * 4 multipart (4.1 image, 4.2 message (4.2.1 text, 4.2.2 multipart (4.2.2.1 text, 4.2.2.2 richtext))). */
#define MIXED(boundary) "Content-Type: multipart/mixed; boundary=" boundary "\r\n"
static const str nested = S("Subject: top\r\n" MIXED(
	"A") "\r\n"
	     "--A\r\n\r\none\r\n"
	     "--A\r\nContent-Type: application/x\r\n\r\ntwo\r\n"
	     "--A\r\nContent-Type: message/rfc822\r\n\r\nSubject: three\r\n" MIXED(
		     "B") "\r\n"
			  "--B\r\n\r\nthree one\r\n--B\r\nContent-Type: application/x\r\n\r\nthree two\r\n--B--\r\n"
			  "--A\r\n" MIXED("C") "\r\n"
					       "--C\r\nContent-Type: image/gif\r\n\r\nfour one\r\n"
					       "--C\r\nContent-Type: message/rfc822\r\n\r\nSubject: four two\r\n" MIXED(
						       "D") "\r\n"
							    "--D\r\n\r\nfour two one\r\n--D\r\n" MIXED(
								    "E") "\r\n"
									 "--E\r\n\r\n4.2.2.1\r\n--E\r\nContent-Type: "
									 "text/richtext\r\n\r\n4.2.2.2\r\n--E--\r\n"
									 "--D--\r\n--C--\r\n--A--\r\n");
static const str single = S("Subject: s\r\n\r\nbody\r\n");
static const str forwarded = S("Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nbody\r\n");

#define ALL MIME_SECTION_ALL
#define HEADER MIME_SECTION_HEADER
#define TEXT MIME_SECTION_TEXT
#define MIME MIME_SECTION_MIME

static const struct {
	const str *message;
	uint32_t numbers[5]; /* 0 ends them */
	enum mime_section_what what;
	const char *want, *want_end; /* how it begins and ends; NULL: absent */
} cases[] = {
	{ &nested, { 0 }, ALL, "Subject: top", "--A--\r\n" },
	{ &nested, { 0 }, HEADER, "Subject: top", "=A\r\n\r\n" },
	{ &nested, { 0 }, TEXT, "--A\r\n", "--A--\r\n" },
	{ &nested, { 0 }, MIME, NULL, NULL },
	{ &nested, { 1 }, ALL, "one", "one" },
	{ &nested, { 1 }, MIME, "\r\n", "\r\n" },
	{ &nested, { 1 }, HEADER, NULL, NULL },
	{ &nested, { 1 }, TEXT, NULL, NULL },
	{ &nested, { 1, 1 }, ALL, NULL, NULL },
	{ &nested, { 2 }, ALL, "two", "two" },
	{ &nested, { 2 }, MIME, "Content-Type: app", "x\r\n\r\n" },
	{ &nested, { 3 }, ALL, "Subject: three", "--B--\r\n" },
	{ &nested, { 3 }, HEADER, "Subject: three", "=B\r\n\r\n" },
	{ &nested, { 3 }, TEXT, "--B\r\n", "--B--\r\n" },
	{ &nested, { 3 }, MIME, "Content-Type: message", "822\r\n\r\n" },
	{ &nested, { 3, 1 }, ALL, "three one", "three one" },
	{ &nested, { 3, 2 }, ALL, "three two", "three two" },
	{ &nested, { 3, 3 }, ALL, NULL, NULL },
	{ &nested, { 4 }, ALL, "--C\r\n", "--C--\r\n" },
	{ &nested, { 4 }, HEADER, NULL, NULL },
	{ &nested, { 4, 1 }, MIME, "Content-Type: image", "gif\r\n\r\n" },
	{ &nested, { 4, 2 }, HEADER, "Subject: four two", "=D\r\n\r\n" },
	{ &nested, { 4, 2 }, TEXT, "--D\r\n", "--D--\r\n" },
	{ &nested, { 4, 2, 1 }, ALL, "four two one", "four two one" },
	{ &nested, { 4, 2, 2, 1 }, ALL, "4.2.2.1", "4.2.2.1" },
	{ &nested, { 4, 2, 2, 2 }, ALL, "4.2.2.2", "4.2.2.2" },
	{ &nested, { 5 }, ALL, NULL, NULL },
	{ &nested, { 4294967295 }, ALL, NULL, NULL },
	{ &single, { 1 }, ALL, "body", "\r\n" },
	{ &single, { 1 }, MIME, "Subject: s", "\r\n\r\n" },
	{ &single, { 1 }, HEADER, NULL, NULL },
	{ &single, { 2 }, ALL, NULL, NULL },
	{ &single, { 1, 1 }, ALL, NULL, NULL },
	{ &forwarded, { 1 }, ALL, "Subject: in", "body\r\n" },
	{ &forwarded, { 1 }, HEADER, "Subject: in", "\r\n\r\n" },
	{ &forwarded, { 1 }, TEXT, "body", "\r\n" },
	{ &forwarded, { 1, 1 }, ALL, "body", "\r\n" },
	{ &forwarded, { 1, 1, 1 }, ALL, NULL, NULL },
};

static void test_find(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct arena *a = arena_new("test", 1 << 20);
		struct mime_parts parts;
		struct mime_section section = { .numbers = cases[i].numbers, .what = cases[i].what };
		char name[40];
		size_t at = 0, size = 0;
		while (section.count < 5 && cases[i].numbers[section.count] != 0)
			section.count++;
		snprintf(name, sizeof name, "case %zu", i);
		check_err(name, mime_parts_parse(a, *cases[i].message, &parts), ERR_NONE);
		err e = mime_section_find(parts, &section, &at, &size);
		check_err(name, e, cases[i].want != NULL ? ERR_NONE : ERR_ABSENT);
		str got = str_slice(*cases[i].message, at, at + size);
		if (!failed(e) &&
			(!str_starts(got, str_of(cases[i].want)) || !str_ends(got, str_of(cases[i].want_end))))
			fail_msg("%s: got \"%.*s\"", name, ARG(got));
		arena_free(&a);
	}
}

static void test_fields(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	str header = S("A: 1\r\nB: 2\r\n 3\r\nno colon\r\na: 4\r\n\r\n"), got;
	const str names[] = { S("b"), S("A") };
	check_err("named", mime_section_fields(a, header, names, 2, false, &got), ERR_NONE);
	check_str("named", got, S("A: 1\r\nB: 2\r\n 3\r\na: 4\r\n\r\n"));
	check_err("others", mime_section_fields(a, header, names, 1, true, &got), ERR_NONE);
	check_str("others", got, S("A: 1\r\nno colon\r\na: 4\r\n\r\n"));
	check_err("none", mime_section_fields(a, header, names, 0, false, &got), ERR_NONE);
	check_str("none", got, S("\r\n"));
	check_err("no empty line", mime_section_fields(a, S("A: 1\r\nB: 2"), names, 1, false, &got), ERR_NONE);
	check_str("no empty line", got, S("B: 2"));
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_find), cmocka_unit_test(test_fields) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
