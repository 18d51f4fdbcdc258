/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "proto/mime/date.h"

static const struct {
	const char *text;
	int64_t seconds;
	int east;
	const char *written;
} good[] = {
	{ "Fri, 21 Nov 1997 09:55:06 -0600", 880127706, -360, "Fri, 21 Nov 1997 09:55:06 -0600" },
	{ "Tue, 1 Jul 2003 10:52:37 +0200", 1057049557, 120, "Tue, 1 Jul 2003 10:52:37 +0200" },
	{ "Thu,\r\n 13\r\n Feb\r\n 1969\r\n 23:32\r\n -0330 (Newfoundland Time)", -27723480, -210,
		"Thu, 13 Feb 1969 23:32:00 -0330" },
	{ "21 Nov 97 09:55:06 GMT", 880106106, 0, "Fri, 21 Nov 1997 09:55:06 +0000" },
	{ "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880127706, -360, "Fri, 21 Nov 1997 09:55:06 -0600" },
	{ "1 Jan 1970 00:00 UT", 0, 0, "Thu, 1 Jan 1970 00:00:00 +0000" },
	{ "31 Dec 1969 23:59:59 +0000", -1, 0, "Wed, 31 Dec 1969 23:59:59 +0000" },
	{ "1 Mar 2000 0:0:0 EST", 951886800, -300, "Wed, 1 Mar 2000 00:00:00 -0500" },
	{ "29 Feb 2000 12:00:00 PDT", 951850800, -420, "Tue, 29 Feb 2000 12:00:00 -0700" },
	{ "1 January 49 00:00 Z", 2493072000, 0, "Fri, 1 Jan 2049 00:00:00 +0000" },
	{ "1 Jan 103 00:00 nowhere", 1041379200, 0, "Wed, 1 Jan 2003 00:00:00 +0000" },
	{ "21-Nov-97 09:55:06 GMT", 880106106, 0, "Fri, 21 Nov 1997 09:55:06 +0000" },
	{ "31 Dec 1998 23:59:60 +0000", 915148800, 0, "Fri, 1 Jan 1999 00:00:00 +0000" },
	{ "31 Dec 9999 23:59:59 -2359", 253402387139, -1439, "Fri, 31 Dec 9999 23:59:59 -2359" },
	{ "1 Jan 2000 00:00", 946684800, 0, "Sat, 1 Jan 2000 00:00:00 +0000" },
};

static const char *const bad[] = { "", "yesterday", "32 Jan 2000 00:00", "0 Jan 2000 00:00", "29 Feb 1900 00:00",
	"1 Foo 2000 00:00", "1 Jan 2000", "1 Jan 2000 24:00", "1 Jan 2000 00:60", "1 Jan 2000 00:00:61",
	"1 Jan 1 00:00", "1 Jan 20000 00:00", "1 Jan 1899 00:00", "1 Jan 2000 00:00 +00", "1 Jan 2000 00:00 +0060",
	"1 Jan 2000 00:00 (x", "111111111111111111111 Jan 2000 00:00", "001 Jan 2000 00:00" };

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct mime_date date;
		char room[64];
		struct buf b = BUF_ON(room);
		check_err(good[i].text, mime_date_parse(str_of(good[i].text), &date), ERR_NONE);
		if (date.seconds != good[i].seconds || date.minutes_east != good[i].east)
			fail_msg("%s: got %lld %d", good[i].text, (long long)date.seconds, date.minutes_east);
		mime_date_write(&b, date);
		check_str(good[i].text, buf_str(&b), str_of(good[i].written));
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct mime_date date;
		check_err(bad[i], mime_date_parse(str_of(bad[i]), &date), ERR_SYNTAX);
	}
}

/* Every day of 400 years and a few more, written and read again. */
static void test_days(void **state)
{
	(void)state;
	for (int64_t day = mime_days(1900, 1, 1); day <= mime_days(2310, 1, 1); day++) {
		struct mime_date date = { .seconds = day * 86400 + 3661, .minutes_east = 60 }, again;
		char room[64];
		struct buf b = BUF_ON(room);
		mime_date_write(&b, date);
		check_err("a day", mime_date_parse(buf_str(&b), &again), ERR_NONE);
		assert_int_equal(again.seconds, date.seconds);
	}
	assert_int_equal(mime_days(1970, 1, 1), 0);
	assert_int_equal(mime_days(2000, 3, 1), 11017);
}

static void test_imap(void **state)
{
	(void)state;
	char room[64];
	struct buf b = BUF_ON(room);
	mime_date_write_imap(&b, (struct mime_date){ 1057049557, 120 });
	check_str("date-time", buf_str(&b), S(" 1-Jul-2003 10:52:37 +0200"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_imap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
