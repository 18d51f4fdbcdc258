/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of IMAP (RFC 3501 9: date, date-time). Years are 1 to 9999 of the Gregorian calendar, extended backwards. */
#pragma once
#include "base/buf.h"
#include "base/cur.h"

struct imap_datetime {
	int64_t seconds;      /* since 1970-01-01 00:00:00 UTC */
	int16_t zone_minutes; /* east of Greenwich, -1439 to 1439 */
};

/* date = date-text / DQUOTE date-text DQUOTE: 1-Feb-1994. Days since 1970-01-01, 0 after a failure. A day that the
 * month does not have fails. */
int32_t imap_date(struct cur *c);
/* date-time: "17-Jul-1996 02:44:25 -0700", with its quotes. A second 60 counts as the next minute's first. */
struct imap_datetime imap_datetime(struct cur *c);

/* The day of a moment by its own zone's calendar: what SEARCH compares (RFC 3501 6.4.4, "disregarding time and
 * timezone"). */
int32_t imap_datetime_day(struct imap_datetime when);

/* Writes INTERNALDATE's value with its quotes. A moment outside the years 1 to 9999 loses the buffer. */
void imap_write_datetime(struct buf *b, struct imap_datetime when);
