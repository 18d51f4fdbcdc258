/* SPDX-License-Identifier: Apache-2.0 */
#include "imap.h"

#include <time.h>

#include "proto/imap/date.h"

/* clang-format off */
static const struct { const char *text; enum err_code want; int32_t days; size_t left; } dates[] = {
	{ "1-Jan-1970",      ERR_NONE,   0,       0 },
	{ "01-jan-1970",     ERR_NONE,   0,       0 },
	{ "\"2-JAN-1970\"",  ERR_NONE,   1,       0 },
	{ "31-Dec-1969",     ERR_NONE,   -1,      0 },
	{ "1-Mar-2000",      ERR_NONE,   11017,   0 },
	{ "29-Feb-2000",     ERR_NONE,   11016,   0 },
	{ "1-Jan-0001",      ERR_NONE,   -719162, 0 },
	{ "31-Dec-9999",     ERR_NONE,   2932896, 0 },
	{ "1-Feb-1994)",     ERR_NONE,   8797,    1 },
	{ "29-Feb-1900",     ERR_SYNTAX, 0,       0 },
	{ "29-Feb-2001",     ERR_SYNTAX, 0,       0 },
	{ "31-Apr-2001",     ERR_SYNTAX, 0,       0 },
	{ "0-Jan-2001",      ERR_SYNTAX, 0,       0 },
	{ "32-Jan-2001",     ERR_LIMIT,  0,       0 },
	{ "1-Jan-0000",      ERR_SYNTAX, 0,       0 },
	{ "1-Jan-01",        ERR_SYNTAX, 0,       0 },
	{ "1-Foo-2001",      ERR_SYNTAX, 0,       0 },
	{ "1-1-2001",        ERR_SYNTAX, 0,       0 },
	{ "1 Jan 2001",      ERR_SYNTAX, 0,       0 },
	{ "\"1-Jan-2001",    ERR_SYNTAX, 0,       0 },
	{ "-1-Jan-2001",     ERR_SYNTAX, 0,       0 },
	{ "",                ERR_SYNTAX, 0,       0 },
};

static const struct { const char *text; enum err_code want; int64_t seconds; int zone; int32_t day; const char *written; } times[] = {
	{ "\"17-Jul-1996 02:44:25 -0700\"", ERR_NONE, 837596665, -420, 9694, "\"17-Jul-1996 02:44:25 -0700\"" },
	{ "\" 1-jan-1970 00:00:00 +0000\"", ERR_NONE, 0,         0,    0,    "\" 1-Jan-1970 00:00:00 +0000\"" },
	{ "\"01-Jan-1970 00:00:00 -0000\"", ERR_NONE, 0,         0,    0,    "\" 1-Jan-1970 00:00:00 +0000\"" },
	{ "\" 1-Jan-1970 00:30:00 +0100\"", ERR_NONE, -1800,     60,   0,    "\" 1-Jan-1970 00:30:00 +0100\"" },
	{ "\"31-Dec-1969 23:30:00 -0930\"", ERR_NONE, 32400,     -570, -1,   "\"31-Dec-1969 23:30:00 -0930\"" },
	{ "\"31-Dec-2016 23:59:60 +0000\"", ERR_NONE, 1483228800, 0,   17167, "\" 1-Jan-2017 00:00:00 +0000\"" },
	{ "\"29-Feb-2024 12:00:00 +2359\"", ERR_NONE, 1709121660, 1439, 19782, "\"29-Feb-2024 12:00:00 +2359\"" },
	{ "\"1-Jan-1970 00:00:00 +0000\"",  ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 24:00:00 +0000\"", ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 00:60:00 +0000\"", ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 00:00:61 +0000\"", ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 0:00:00 +0000\"",  ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 00:00:00 +2400\"", ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 00:00:00 +0060\"", ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 00:00:00 0000\"",  ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 00:00:00 GMT\"",   ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 00:00:00\"",       ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\"30-Feb-1970 00:00:00 +0000\"", ERR_SYNTAX, 0, 0, 0, NULL },
	{ "\" 1-Jan-1970 00:00:00 +0000",   ERR_SYNTAX, 0, 0, 0, NULL },
	{ " 1-Jan-1970 00:00:00 +0000",     ERR_SYNTAX, 0, 0, 0, NULL },
};
/* clang-format on */

static void days(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(dates); i++) {
		struct cur c = cur_of(str_of(dates[i].text));
		int32_t got = imap_date(&c);
		check_err(dates[i].text, c.e, dates[i].want);
		if (got != dates[i].days || (dates[i].want == ERR_NONE && cur_rest(&c).n != dates[i].left))
			fail_msg("%s: got %d, want %d", dates[i].text, got, dates[i].days);
	}
}

static void moments(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(times); i++) {
		char room[100];
		struct buf b = BUF_ON(room);
		struct cur c = cur_of(str_of(times[i].text));
		struct imap_datetime got = imap_datetime(&c);
		check_err(times[i].text, c.e, times[i].want);
		if (got.seconds != times[i].seconds || got.zone_minutes != times[i].zone)
			fail_msg("%s: got %lld %d", times[i].text, (long long)got.seconds, got.zone_minutes);
		if (imap_datetime_day(got) != times[i].day)
			fail_msg("%s: got day %d", times[i].text, imap_datetime_day(got));
		if (times[i].written != NULL)
			imap_write_datetime(&b, got);
		check_written(times[i].text, &b, times[i].written);
	}
}

/* Against the C library, a day in every stretch of 19 days from the year 1 to 9999. */
static void the_calendar(void **state)
{
	(void)state;
	for (int64_t day = -719162; day <= 2932896; day += 19) {
		char want[100], room[100];
		struct tm tm;
		struct buf b = BUF_ON(room);
		time_t seconds = day * 86400 + 12345;
		assert_non_null(gmtime_r(&seconds, &tm));
		static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
			"Oct", "Nov", "Dec" };
		snprintf(want, sizeof want, "\"%2d-%s-%04d 03:25:45 +0000\"", tm.tm_mday, months[tm.tm_mon],
			tm.tm_year + 1900);
		imap_write_datetime(&b, (struct imap_datetime){ seconds, 0 });
		check_written("calendar", &b, want);
		struct cur c = cur_of(buf_str(&b));
		assert_int_equal(imap_datetime(&c).seconds, seconds);
	}
}

static void outside_the_calendar(void **state)
{
	(void)state;
	static const int64_t seconds[] = { INT64_MIN, -62135596801, 253402300800, INT64_MAX };
	for (size_t i = 0; i < COUNT(seconds); i++) {
		char room[100];
		struct buf b = BUF_ON(room);
		imap_write_datetime(&b, (struct imap_datetime){ seconds[i], 0 });
		assert_true(b.lost);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(days),
		cmocka_unit_test(moments),
		cmocka_unit_test(the_calendar),
		cmocka_unit_test(outside_the_calendar),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
