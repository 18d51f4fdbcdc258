/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of messages (RFC 5322 3.3 and 4.3). */
#pragma once
#include "base/buf.h"
#include "base/str.h"

struct mime_date {
	int64_t seconds;  /* since 1970-01-01 00:00:00 UTC, without leap seconds */
	int minutes_east; /* of Greenwich: the zone in which it was written; 0 also for "-0000" and unknown names */
};

/* Years from 1900 to 9999, also in two and three digits; comments and folding anywhere; the weekday is not compared.
 * ERR_SYNTAX: not a date. */
err mime_date_parse(str value, struct mime_date *out);

/* "Tue, 1 Jul 2003 10:52:37 +0200" */
void mime_date_write(struct buf *b, struct mime_date date);
/* " 1-Jul-2003 10:52:37 +0200": what IMAP calls date-time (RFC 9051 9), without quotes. */
void mime_date_write_imap(struct buf *b, struct mime_date date);

/* Days since 1970-01-01 of a day of the proleptic Gregorian calendar, month 1..12. */
int64_t mime_days(int64_t year, int month, int day);
