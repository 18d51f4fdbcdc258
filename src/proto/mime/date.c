/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mime/date.h"

#include "proto/mime/header.h"
#include "proto/mime/lex.h"

static const str months[12] = { S("Jan"), S("Feb"), S("Mar"), S("Apr"), S("May"), S("Jun"), S("Jul"), S("Aug"),
	S("Sep"), S("Oct"), S("Nov"), S("Dec") };
static const str weekdays[7] = { S("Thu"), S("Fri"), S("Sat"), S("Sun"), S("Mon"), S("Tue"), S("Wed") };

/* Counted in years that begin in March, so that the leap day is the last one. */
int64_t mime_days(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400, of_era = year - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void date_of_days(int64_t days, int64_t *year, int *month, int *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097, of_era = days - era * 146097;
	int64_t of_400 = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * of_400 + of_400 / 4 - of_400 / 100);
	int64_t march = (5 * of_year + 2) / 153;
	*day = (int)(of_year - (153 * march + 2) / 5 + 1);
	*month = (int)(march < 10 ? march + 3 : march - 9);
	*year = of_400 + era * 400 + (*month <= 2);
}

static int days_in(int64_t year, int month)
{
	static const int lengths[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return lengths[month - 1] + (month == 2 && leap);
}

static void blanks(struct cur *c)
{
	if (cur_ok(c) && !lex_cfws(c, NULL))
		cur_fail(c, "the end of a comment");
}

/* A number of at most that many digits, and blanks behind it. */
static int number(struct cur *c, size_t digits, uint64_t highest, size_t *size)
{
	size_t from = c->at;
	uint64_t n = cur_number(c, highest);
	if (c->at - from > digits)
		cur_fail(c, "a shorter number");
	if (size != NULL)
		*size = c->at - from;
	blanks(c);
	return cur_ok(c) ? (int)n : 0;
}

/* Three letters of a month; longer names count by their first three, as some programs write them. */
static int month(struct cur *c)
{
	str name = str_slice(cur_run(c, CH_ALPHA, "a month"), 0, 3);
	blanks(c);
	for (int i = 0; i < 12; i++)
		if (str_eq_nocase(name, months[i]))
			return i + 1;
	cur_fail(c, "a month");
	return 1;
}

/* obs-year: RFC 5322 4.3. */
static int64_t year(struct cur *c)
{
	size_t digits;
	int64_t y = number(c, 4, 9999, &digits);
	if (digits == 2)
		y += y < 50 ? 2000 : 1900;
	else if (digits == 3)
		y += 1900;
	if (digits < 2 || y < 1900)
		cur_fail(c, "a year");
	return y;
}

/* zone / obs-zone: RFC 5322 3.3, 4.3. Unknown names, and one that is missing, count as "-0000", which says nothing. */
static int zone(struct cur *c)
{
	static const struct {
		str name;
		int hours;
	} names[] = { { S("UT"), 0 }, { S("GMT"), 0 }, { S("EST"), -5 }, { S("EDT"), -4 }, { S("CST"), -6 },
		{ S("CDT"), -5 }, { S("MST"), -7 }, { S("MDT"), -6 }, { S("PST"), -8 }, { S("PDT"), -7 } };
	int next = cur_peek(c);
	if (next == '+' || next == '-') {
		cur_bytes(c, 1);
		size_t digits;
		int n = number(c, 4, 9959, &digits);
		if (digits != 4 || n % 100 > 59)
			cur_fail(c, "a zone of four digits");
		int minutes = n / 100 * 60 + n % 100;
		return next == '+' ? minutes : -minutes;
	}
	str name = cur_any(c, CH_ALPHA);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (str_eq_nocase(name, names[i].name))
			return names[i].hours * 60;
	return 0;
}

/* time-of-day = hour ":" minute [":" second]             RFC 5322 3.3 */
static int64_t time_of_day(struct cur *c)
{
	int64_t seconds = number(c, 2, 23, NULL) * 3600;
	cur_need(c, ':');
	blanks(c);
	seconds += number(c, 2, 59, NULL) * 60;
	if (cur_take(c, ':')) {
		blanks(c);
		seconds += number(c, 2, 60, NULL);
	}
	return seconds;
}

/* date-time = [day-of-week ","] date time [CFWS]         RFC 5322 3.3 */
err mime_date_parse(str value, struct mime_date *out)
{
	struct cur c = cur_of(str_slice(value, 0, MIME_VALUE_MAX));
	blanks(&c);
	if (cur_any(&c, CH_ALPHA).n > 0) {
		blanks(&c);
		cur_take(&c, ',');
		blanks(&c);
	}
	int day = number(&c, 2, 31, NULL);
	cur_take(&c, '-'); /* "21-Nov-97", as news had it */
	int in_month = month(&c);
	cur_take(&c, '-');
	int64_t in_year = year(&c), seconds = time_of_day(&c);
	int east = zone(&c);
	if (!cur_ok(&c) || day < 1 || day > days_in(in_year, in_month))
		return FAIL(SYNTAX);
	out->minutes_east = east;
	out->seconds = mime_days(in_year, in_month, day) * 86400 + seconds - (int64_t)east * 60;
	return OK;
}

struct parts {
	int64_t days, year;
	int month, day, second, east;
};

static struct parts parts_of(struct mime_date date)
{
	struct parts p = { .east = date.minutes_east };
	int64_t local = date.seconds + (int64_t)date.minutes_east * 60;
	p.days = (local >= 0 ? local : local - 86399) / 86400;
	p.second = (int)(local - p.days * 86400);
	date_of_days(p.days, &p.year, &p.month, &p.day);
	return p;
}

static void time_write(struct buf *b, const struct parts *p)
{
	int east = p->east < 0 ? -p->east : p->east;
	buf_addf(b, "%02d:%02d:%02d %c%02d%02d", p->second / 3600, p->second / 60 % 60, p->second % 60,
		p->east < 0 ? '-' : '+', east / 60, east % 60);
}

void mime_date_write(struct buf *b, struct mime_date date)
{
	struct parts p = parts_of(date);
	buf_add(b, weekdays[(p.days % 7 + 7) % 7]);
	buf_addf(b, ", %d ", p.day);
	buf_add(b, months[p.month - 1]);
	buf_addf(b, " %04lld ", (long long)p.year);
	time_write(b, &p);
}

void mime_date_write_imap(struct buf *b, struct mime_date date)
{
	struct parts p = parts_of(date);
	buf_addf(b, "%2d-", p.day);
	buf_add(b, months[p.month - 1]);
	buf_addf(b, "-%04lld ", (long long)p.year);
	time_write(b, &p);
}
