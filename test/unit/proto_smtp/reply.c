/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "proto/smtp/reply.h"

#include "base/chars.h"

/* clang-format off */
static const struct { const char *name; int code; str enhanced, text; bool utf8; str want; } writes[] = {
	{ "one line",        250, S("2.1.0"), S("fine"),           false, S("250 2.1.0 fine\r\n") },
	{ "without code",    220, S(""),      S("mx.example.org"), false, S("220 mx.example.org\r\n") },
	{ "several lines",   250, S(""),      S("a\nb\nc"),        false, S("250-a\r\n250-b\r\n250 c\r\n") },
	{ "enhanced on all", 550, S("5.1.1"), S("a\nb"),           false, S("550-5.1.1 a\r\n550 5.1.1 b\r\n") },
	{ "no text",         250, S(""),      S(""),               false, S("250 \r\n") },
	{ "empty line",      250, S(""),      S("a\n\nb"),         false, S("250-a\r\n250-\r\n250 b\r\n") },
	{ "CR is no line",   550, S("5.1.1"), S("<a\r250 ok>"),    false, S("550 5.1.1 <a?250 ok>\r\n") },
	{ "controls",        550, S(""),      S("a\0\x1b\x7f\tb"), false, S("550 a????b\r\n") },
	{ "UTF-8, agreed",   550, S(""),      S("<j\xc3\xb6rg>"),  true,  S("550 <j\xc3\xb6rg>\r\n") },
	{ "UTF-8, not agreed", 550, S(""),    S("<j\xc3\xb6rg>"),  false, S("550 <j?rg>\r\n") },
	{ "not UTF-8",       550, S(""),      S("<j\xf6rg>"),      true,  S("550 <j?rg>\r\n") },
	{ "C1, line separator", 550, S(""),   S("\xc2\x85\xe2\x80\xa8"), true, S("550 ??\r\n") },
};
/* clang-format on */

static void written(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(writes); i++) {
		char room[200];
		struct buf b = BUF_ON(room);
		const struct smtp_reply r = { writes[i].code, writes[i].enhanced, writes[i].text };
		smtp_reply_write(&b, &r, writes[i].utf8);
		assert_false(b.lost);
		check_str(writes[i].name, buf_str(&b), writes[i].want);
	}
}

/* Whatever is written can be read, no line is too long, and no letter is lost. */
static void long_text_is_split(void **state)
{
	(void)state;
	for (size_t n = 480; n < 1500; n += 7)
		for (size_t word = 3; word < 700; word += 41) {
			char text[1500], room[4096], back[4096];
			for (size_t i = 0; i < n; i++)
				text[i] = i % word == word - 1 ? ' ' : (char)('a' + i % 26);
			struct buf b = BUF_ON(room);
			const struct smtp_reply r = { 550, S("5.7.1"), { text, n } };
			smtp_reply_write(&b, &r, false);
			struct smtp_reply_reader reader;
			smtp_reply_start(&reader, back, sizeof back);
			str rest = buf_str(&b), line;
			while (str_cut(&rest, '\n', &line)) {
				assert_true(line.n + 1 <= SMTP_REPLY_LINE_MAX);
				check_err("line", smtp_reply_line(&reader, str_slice(line, 0, line.n - 1)), ERR_NONE);
			}
			assert_true(reader.done);
			check_str("enhanced", reader.reply.enhanced, S("5.7.1"));
			size_t letters = 0, want = 0;
			for (size_t i = 0; i < reader.reply.text.n; i++)
				letters += is_char(CH_ALPHA, reader.reply.text.p[i]);
			for (size_t i = 0; i < n; i++)
				want += is_char(CH_ALPHA, text[i]);
			assert_int_equal(letters, want);
		}
}

/* clang-format off */
static const struct { const char *name, *lines[4]; enum err_code want; int code; const char *enhanced, *text; } reads[] = {
	{ "one line",          { "250 2.0.0 ok" },               ERR_NONE,   250, "2.0.0", "ok" },
	{ "no text",           { "250" },                        ERR_NONE,   250, "",      "" },
	{ "several",           { "250-a", "250-b", "250 c" },    ERR_NONE,   250, "",      "a\nb\nc" },
	{ "enhanced on all",   { "550-5.1.1 a", "550 5.1.1 b" }, ERR_NONE,   550, "5.1.1", "a\nb" },
	{ "enhanced alone",    { "250 2.1.5" },                  ERR_NONE,   250, "2.1.5", "" },
	{ "wrong class",       { "250 5.1.1 a" },                ERR_NONE,   250, "",      "5.1.1 a" },
	{ "an address",        { "220 2.0.0.1 a" },              ERR_NONE,   220, "",      "2.0.0.1 a" },
	{ "long detail",       { "550 5.7.1234 a" },             ERR_NONE,   550, "",      "5.7.1234 a" },
	{ "code changes",      { "250-a", "550 b" },             ERR_SYNTAX, 0, NULL, NULL },
	{ "no code",           { "hello" },                      ERR_SYNTAX, 0, NULL, NULL },
	{ "too short",         { "25" },                         ERR_SYNTAX, 0, NULL, NULL },
	{ "empty",             { "" },                           ERR_SYNTAX, 0, NULL, NULL },
	{ "1yz",               { "150 a" },                      ERR_SYNTAX, 0, NULL, NULL },
	{ "6yz",               { "600 a" },                      ERR_SYNTAX, 0, NULL, NULL },
	{ "four digits",       { "2500 a" },                     ERR_SYNTAX, 0, NULL, NULL },
	{ "an HTTP server",    { "HTTP/1.1 400 Bad Request" },   ERR_SYNTAX, 0, NULL, NULL },
};
/* clang-format on */

static void read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(reads); i++) {
		char room[64];
		struct smtp_reply_reader r;
		smtp_reply_start(&r, room, sizeof room);
		err e = OK;
		for (size_t k = 0; k < 4 && reads[i].lines[k] != NULL && !failed(e); k++) {
			assert_false(r.done);
			e = smtp_reply_line(&r, str_of(reads[i].lines[k]));
		}
		check_err(reads[i].name, e, reads[i].want);
		if (failed(e))
			continue;
		assert_true(r.done);
		assert_int_equal(r.reply.code, reads[i].code);
		check_str(reads[i].name, r.reply.enhanced, str_of(reads[i].enhanced));
		check_str(reads[i].name, r.reply.text, str_of(reads[i].text));
		check_err("after the end", smtp_reply_line(&r, S("250 x")), ERR_STATE);
	}
}

static void endless_reply(void **state)
{
	(void)state;
	char room[16];
	struct smtp_reply_reader r;
	smtp_reply_start(&r, room, sizeof room);
	for (int i = 0; i < SMTP_REPLY_LINES_MAX; i++)
		check_err("so many", smtp_reply_line(&r, S("250-abcde")), ERR_NONE);
	assert_true(r.truncated);
	check_err("one more", smtp_reply_line(&r, S("250 a")), ERR_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written),
		cmocka_unit_test(long_text_is_split),
		cmocka_unit_test(read_back),
		cmocka_unit_test(endless_reply),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
