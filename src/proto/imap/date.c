/* SPDX-License-Identifier: Apache-2.0 */
/* Days are counted in years that begin with March, so that the leap day is a year's last. */
#include "proto/imap/date.h"

#include "proto/imap/astring.h"

enum {
	DAY = 86400,
	DAYS_IN_400_YEARS = 146097,
	DAYS_BEFORE_1970 = 719468, /* from 1 March of the year 0 */
	FIRST_DAY = -719162,       /* 0001-01-01 */
	LAST_DAY = 2932896,        /* 9999-12-31 */
};

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool is_leap(unsigned year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* For years from 1 on, months from 1 on. */
static int32_t day_number(unsigned year, unsigned month, unsigned day)
{
	if (month < 3)
		year--;
	unsigned from_march = (month + 9) % 12;
	unsigned before_month = (153 * from_march + 2) / 5;
	unsigned days = 365 * year + year / 4 - year / 100 + year / 400 + before_month + day - 1;
	return (int32_t)days - DAYS_BEFORE_1970;
}

static void day_date(int32_t number, unsigned *year, unsigned *month, unsigned *day)
{
	unsigned days = (unsigned)(number + DAYS_BEFORE_1970);
	unsigned centuries4 = days / DAYS_IN_400_YEARS;
	days %= DAYS_IN_400_YEARS;
	unsigned years = (days - days / 1460 + days / 36524 - days / 146096) / 365;
	days -= 365 * years + years / 4 - years / 100;
	unsigned from_march = (5 * days + 2) / 153;
	*day = days - (153 * from_march + 2) / 5 + 1;
	*month = from_march < 10 ? from_march + 3 : from_march - 9;
	*year = 400 * centuries4 + years + (*month < 3);
}

/* Exactly n digits. */
static unsigned digits(struct cur *c, size_t n, const char *expected)
{
	uint64_t number = 0;
	str text = cur_bytes(c, n);
	if (cur_ok(c) && failed(str_number(text, 9999, &number)))
		cur_fail(c, expected);
	return (unsigned)number;
}

static unsigned month(struct cur *c)
{
	str name = cur_bytes(c, 3);
	for (unsigned i = 0; cur_ok(c) && i < 12; i++)
		if (str_eq_nocase(name, str_from(months + (size_t)3 * i, 3)))
			return i + 1;
	cur_fail(c, "a month");
	return 1;
}

/* "-" date-month "-" date-year, behind the day */
static int32_t rest_of_date(struct cur *c, unsigned day)
{
	cur_need_str(c, S("-"));
	unsigned in_month = month(c);
	cur_need_str(c, S("-"));
	unsigned year = digits(c, 4, "a year of four digits");
	if (cur_ok(c) && (year < 1 || day < 1 || day > days_in_month(year, in_month)))
		cur_fail(c, "a day that exists");
	return cur_ok(c) ? day_number(year, in_month, day) : 0;
}

/* date = date-text / DQUOTE date-text DQUOTE; date-text = date-day "-" date-month "-" date-year; date-day = 1*2DIGIT */
int32_t imap_date(struct cur *c)
{
	bool is_quoted = cur_take(c, '"');
	int32_t days = rest_of_date(c, (unsigned)cur_number(c, 31));
	if (is_quoted)
		cur_need_str(c, S("\""));
	return cur_ok(c) ? days : 0;
}

/* zone = ("+" / "-") 4DIGIT */
static int zone(struct cur *c)
{
	bool is_west = cur_take(c, '-');
	if (!is_west)
		cur_need_str(c, S("+"));
	unsigned hours = digits(c, 2, "a time zone"), minutes = digits(c, 2, "a time zone");
	if (hours > 23 || minutes > 59)
		cur_fail(c, "a time zone");
	int east = (int)(60 * hours + minutes);
	return is_west ? -east : east;
}

/* time = 2DIGIT ":" 2DIGIT ":" 2DIGIT, in seconds */
static int64_t time_of_day(struct cur *c)
{
	unsigned hour = digits(c, 2, "an hour");
	cur_need_str(c, S(":"));
	unsigned minute = digits(c, 2, "a minute");
	cur_need_str(c, S(":"));
	unsigned second = digits(c, 2, "a second");
	if (hour > 23 || minute > 59 || second > 60)
		cur_fail(c, "a time of day");
	return (int64_t)3600 * hour + 60 * minute + second;
}

/* date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE;
 * date-day-fixed = (SP DIGIT) / 2DIGIT */
struct imap_datetime imap_datetime(struct cur *c)
{
	struct imap_datetime when = { 0 };
	cur_need_str(c, S("\""));
	unsigned day = digits(c, cur_take(c, ' ') ? 1 : 2, "a day of two places");
	when.seconds = (int64_t)DAY * rest_of_date(c, day);
	imap_space(c);
	when.seconds += time_of_day(c);
	imap_space(c);
	when.zone_minutes = (int16_t)zone(c);
	when.seconds -= (int64_t)60 * when.zone_minutes;
	cur_need_str(c, S("\""));
	return cur_ok(c) ? when : (struct imap_datetime){ 0 };
}

static int64_t divided_down(int64_t n, int64_t by) { return n / by - (n % by < 0); }

int32_t imap_datetime_day(struct imap_datetime when)
{
	return (int32_t)divided_down(when.seconds + (int64_t)60 * when.zone_minutes, DAY);
}

void imap_write_datetime(struct buf *b, struct imap_datetime when)
{
	int64_t local;
	if (__builtin_add_overflow(when.seconds, (int64_t)60 * when.zone_minutes, &local))
		local = INT64_MAX;
	int64_t number = divided_down(local, DAY);
	if (number < FIRST_DAY || number > LAST_DAY) {
		b->lost = true;
		return;
	}
	unsigned year, in_month, day;
	unsigned second = (unsigned)(local - number * DAY);
	unsigned east = (unsigned)(when.zone_minutes < 0 ? -when.zone_minutes : when.zone_minutes);
	day_date((int32_t)number, &year, &in_month, &day);
	buf_addf(b, "\"%2u-%.3s-%04u %02u:%02u:%02u %c%02u%02u\"", day, months + (size_t)3 * (in_month - 1), year,
		second / 3600, second / 60 % 60, second % 60, when.zone_minutes < 0 ? '-' : '+', east / 60, east % 60);
}
