/* SPDX-License-Identifier: Apache-2.0 */
#include "role/sender/session.h"

/* RFC 3463 3.2, 3.3, 3.4; without such a status the code alone has to do: RFC 5321 4.2.3. 552 is at RCPT "exceeded storage
 * allocation"; too many recipients, which some say by it (RFC 5321 4.5.3.1.10), one cannot be. */
static enum callout_answer judge_final(const struct smtp_reply *r, enum stage stage)
{
	const bool silent = r->enhanced.n == 0;
	if (reply_subject_is(r, "2.2"))
		return CALLOUT_FULL;
	if (reply_subject_is(r, "2.3") || reply_subject_is(r, "3.4"))
		return CALLOUT_SIZE;
	if (silent && r->code == 552)
		return stage == AT_RCPT ? CALLOUT_FULL : CALLOUT_SIZE;
	if (stage != AT_RCPT)
		return CALLOUT_REFUSED;
	/* 5.1.7 and 5.1.8 are about the sender. */
	if (reply_subject_is(r, "1.7") || reply_subject_is(r, "1.8"))
		return CALLOUT_REFUSED;
	if (reply_subject_is(r, "1.") || (silent && (r->code == 550 || r->code == 551 || r->code == 553)))
		return CALLOUT_UNKNOWN;
	return CALLOUT_REFUSED;
}

enum callout_answer callout_judge(const struct smtp_reply *r, enum stage stage)
{
	if (r->code / 100 == 2)
		return CALLOUT_TAKEN;
	if (r->code < 400 || r->code == 421)
		return CALLOUT_AWAY;
	if (r->code >= 500)
		return judge_final(r, stage);
	return reply_subject_is(r, "2.2") ? CALLOUT_FULL : CALLOUT_LATER;
}
