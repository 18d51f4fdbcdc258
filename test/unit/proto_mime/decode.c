/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "proto/mime/decode.h"

static const struct {
	const char *name;
	enum mime_encoding encoding;
	str in, want;
} cases[] = {
	{ "base64", MIME_ENCODING_BASE64, S("SGVs\r\nbG8="), S("Hello") },
	{ "base64 with noise", MIME_ENCODING_BASE64, S("S-G!V s\tbG\08="), S("Hello") },
	{ "base64 in pieces", MIME_ENCODING_BASE64, S("SGVsbG8=SGVsbG8="), S("HelloHello") },
	{ "base64 without padding", MIME_ENCODING_BASE64, S("SGVsbG8"), S("Hello") },
	{ "base64 cut", MIME_ENCODING_BASE64, S("SGVsbG"), S("Hell") },
	{ "quoted", MIME_ENCODING_QUOTED_PRINTABLE, S("a=3Db=e9=\r\nc=\nd= \t\r\ne"),
		S("a=b\xe9"
		  "cde") },
	{ "quoted, nonsense", MIME_ENCODING_QUOTED_PRINTABLE, S("=G =4G ==41 =a"), S("=G =4G =A =a") },
	{ "quoted, equals last", MIME_ENCODING_QUOTED_PRINTABLE, S("a="), S("a=") },
	{ "quoted, NUL", MIME_ENCODING_QUOTED_PRINTABLE, S("=00\0"), S("\0\0") },
	{ "plain", MIME_ENCODING_8BIT, S("=41\xff"), S("=41\xff") },
	{ "unknown", MIME_ENCODING_UNKNOWN, S("SGVs"), S("SGVs") },
};

/* In pieces of every size, into rooms of every size: always the same. */
static void test_transfer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		for (size_t piece = 1; piece < 8; piece++)
			for (size_t room = 4; room < 8; room++) {
				struct mime_decoder d = { .encoding = cases[i].encoding };
				char all[200], some[8];
				struct buf b = BUF_ON(all);
				str rest = cases[i].in;
				while (rest.n > 0) {
					struct buf out = { .p = some, .room = room };
					str in = str_slice(rest, 0, piece);
					size_t before = in.n;
					mime_decode(&d, &in, rest.n == before, &out);
					rest = str_after(rest, before - in.n);
					buf_add(&b, buf_str(&out));
				}
				check_str(cases[i].name, buf_str(&b), cases[i].want);
			}
}

static const struct {
	const char *charset;
	str in, want;
} charsets[] = {
	{ "iso-8859-1", S("gr\xfc\xdf"), S("gr\xc3\xbc\xc3\x9f") },
	{ "LATIN1", S("\xfc"), S("\xc3\xbc") },
	{ "ISO_8859-15:1998", S("\xa4"), S("\xc2\xa4") },
	{ "iso8859-15", S("\xa4"), S("\xe2\x82\xac") },
	{ "Windows-1252", S("\x80\x81"), S("\xe2\x82\xac\xef\xbf\xbd") },
	{ "cp1251", S("\xcf\xf0"), S("\xd0\x9f\xd1\x80") },
	{ "koi8-r", S("\xf0\xd2"), S("\xd0\x9f\xd1\x80") },
	{ "KOI8-U", S("\xa4"), S("\xd1\x94") },
	{ "utf-8", S("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"), S("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80") },
	{ "",
		S("\xfc"
		  "a\xc3"),
		S("\xef\xbf\xbd"
		  "a\xef\xbf\xbd") },
	{ "us-ascii", S("\xc3\xbc"), S("\xc3\xbc") },
	{ "utf-8", S("\xc0\x80\xed\xa0\x80"), S("\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd") },
};

static void test_charsets(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(charsets); i++)
		for (size_t piece = 1; piece < 6; piece++) {
			struct mime_converter c = { .charset = mime_charset_find(str_of(charsets[i].charset)) };
			char all[200];
			struct buf b = BUF_ON(all);
			bool unknown = str_eq(str_of(charsets[i].charset), S("ISO_8859-15:1998"));
			assert_true((c.charset == NULL) == unknown);
			if (unknown)
				break;
			for (str rest = charsets[i].in; rest.n > 0;) {
				str in = str_slice(rest, 0, piece);
				rest = str_after(rest, in.n);
				mime_convert(&c, &in, rest.n == 0, &b);
				assert_int_equal(in.n, 0);
			}
			check_str(charsets[i].charset, buf_str(&b), charsets[i].want);
		}
	assert_null(mime_charset_find(S("iso-2022-jp")));
}

static const struct {
	str in, want;
} words[] = {
	/* RFC 2047 8 */
	{ S("=?ISO-8859-1?Q?a?="), S("a") },
	{ S("=?ISO-8859-1?Q?a?= b"), S("a b") },
	{ S("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?="), S("ab") },
	{ S("=?ISO-8859-1?Q?a?=  \r\n  =?ISO-8859-1?Q?b?="), S("ab") },
	{ S("=?ISO-8859-1?Q?a_b?="), S("a b") },
	{ S("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?="), S("a b") },
	{ S("=?US-ASCII*EN?Q?Keith_Moore?= x"), S("Keith Moore x") },
	{ S("=?iso-8859-1?b?Z3L832U=?="), S("gr\xc3\xbc\xc3\x9f"
					    "e") },
	{ S("=?utf-8?B?w7w=?="), S("\xc3\xbc") },
	/* a character split between two words */
	{ S("=?utf-8?Q?=C3?= =?utf-8?Q?=BC?="), S("\xc3\xbc") },
	{ S("=?utf-8?Q?=C3?= x"), S("\xef\xbf\xbd x") },
	{ S("plain"), S("plain") },
	{ S("8bit \xc3\xbc \xfc"), S("8bit \xc3\xbc \xef\xbf\xbd") },
	{ S("=?x?Q?a"), S("=?x?Q?a") },
	{ S("=?x?X?a?="), S("=?x?X?a?=") },
	{ S("=??Q?a?="), S("=??Q?a?=") },
	{ S("=?=?=?=?utf-8?q?a?="), S("=?=?=?a") },
	{ S("=?unknown?Q?a=FC?="), S("a\xef\xbf\xbd") },
	{ S("=?utf-8?Q?"
	    "?="),
		S("") },
	{ S("a =?utf-8?Q?b?= c =?utf-8?Q?d?="), S("a b c d") },
};

static void test_words(void **state)
{
	(void)state;
	struct arena *a = arena_new("test", 1 << 20);
	for (size_t i = 0; i < COUNT(words); i++)
		check_str("words", mime_decode_words(a, words[i].in), words[i].want);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_transfer),
		cmocka_unit_test(test_charsets),
		cmocka_unit_test(test_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
