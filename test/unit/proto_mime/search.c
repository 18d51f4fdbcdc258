/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/buf.h"
#include "proto/mime/imap_text.h"
#include "proto/mime/search.h"

static const str message = S(
	"Subject: =?iso-8859-1?Q?Gr=FC=DFe?= aus\r\n =?utf-8?Q?K=C3=B6ln?=\r\nTo: Joe <joe@example.org>\r\n"
	"Content-Type: multipart/mixed; boundary=a\r\n\r\npreamble\r\n"
	"--a\r\nContent-Type: text/plain; charset=koi8-r\r\nContent-Transfer-Encoding: base64\r\nX-Note: marked\r\n\r\n"
	"8NLJ18XUIM3J0g==\r\n" /* "Privet mir" in Cyrillic */
	"--a\r\nContent-Type: text/plain; charset=iso-8859-7\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
	"=C1=E8=\r\n=DE=ED=E1\r\n" /* "Athena" in Greek */
	"--a\r\nContent-Type: image/png\r\n\r\npicture\r\n"
	"--a\r\nContent-Type: message/rfc822\r\n\r\nSubject: enclosed\r\n\r\naab aaab\r\n"
	"--a--\r\nepilogue");

static const struct {
	const char *needle, *field; /* field NULL: in the body, "": in the text */
	bool want;
} cases[] = {
	{ "gr\xc3\xbc\xc3\x9f"
	  "e AUS k\xc3\x96ln",
		"subject", true },
	{ "GR\xc3\x9c", "Subject", true },
	{ "joe@EXAMPLE", "To", true },
	{ "joe", "Cc", false },
	{ "", "To", true },
	{ "", "Cc", false },
	{ "\xd0\x9f\xd0\xa0\xd0\x98\xd0\x92\xd0\x95\xd0\xa2", NULL, true }, /* capitals */
	{ "\xd0\xb2\xd0\xb5\xd1\x82 \xd0\xbc\xd0\xb8\xd1\x80", NULL, true },
	{ "\xce\x91\xce\x98\xce\x89\xce\x9d\xce\x91", NULL, true },
	{ "picture", NULL, false },
	{ "enclosed", NULL, true },
	{ "marked", NULL, true },
	{ "aaab", NULL, true },
	{ "aaaab", NULL, false },
	{ "K\xc3\xb6ln", NULL, false },
	{ "K\xc3\xb6ln", "", true },
	{ "subject: gr", "", true },
	{ "preamble", "", false },
	{ "", NULL, true },
};

static void test_search(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	struct mime_parts parts;
	check_err("parts", mime_parts_parse(a, message, &parts), ERR_NONE);
	str header = mime_part_header(message, parts.p);
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct mime_needle *needle;
		const char *field = cases[i].field;
		check_err("needle", mime_needle_make(a, str_of(cases[i].needle), &needle), ERR_NONE);
		bool got = field == NULL    ? mime_search_body(needle, message, parts)
			   : *field == '\0' ? mime_search_text(needle, message, parts)
					    : mime_search_field(needle, header, str_of(field));
		if (got != cases[i].want)
			fail_msg("\"%s\" in %s: got %d", cases[i].needle, field != NULL ? field : "body", got);
	}
	arena_free(&a);
}

/* At every place of a long body, so that it is also cut by every border between two pieces; and a row of a's in which
 * only the last try succeeds. */
static void test_borders(void **state)
{
	(void)state;
	static char text[10000];
	struct arena *a = arena_new("test", 1 << 20);
	const struct mime_needle *needle;
	check_err("needle",
		mime_needle_make(a,
			S("aa\xc3\xa4"
			  "b"),
			&needle),
		ERR_NONE);
	struct buf head = BUF_ON(text);
	buf_add(&head, S("Content-Type: text/plain; charset=utf-8\r\n\r\n"));
	for (size_t at = head.n; at + 5 < sizeof text; at += 7) {
		struct mime_parts parts;
		memset(text + head.n, 'a', sizeof text - head.n);
		memcpy(text + at,
			"Aa\xc3\x84"
			"B",
			5);
		check_err("parts", mime_parts_parse(a, str_from(text, sizeof text), &parts), ERR_NONE);
		if (!mime_search_body(needle, str_from(text, sizeof text), parts))
			fail_msg("not found at %zu", at);
		arena_reset(a);
		check_err("needle",
			mime_needle_make(a,
				S("aa\xc3\xa4"
				  "b"),
				&needle),
			ERR_NONE);
	}
	arena_free(&a);
}

static void test_fold(void **state)
{
	(void)state;
	assert_int_equal(mime_fold('A'), 'a');
	assert_int_equal(mime_fold(0xdf), 0xdf);
	assert_int_equal(mime_fold(0x1e9e), 0xdf);
	assert_int_equal(mime_fold(0x416), 0x436);
	assert_int_equal(mime_fold(0x3c2), 0x3c3);
	assert_int_equal(mime_fold(0x1f600), 0x1f600);
	struct arena *a = arena_new("test", 1 << 20);
	static char text[MIME_NEEDLE_MAX + 1];
	const struct mime_needle *needle;
	check_err("too long", mime_needle_make(a, str_from(text, sizeof text), &needle), ERR_LIMIT);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_borders),
		cmocka_unit_test(test_fold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
