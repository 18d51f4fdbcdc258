/* SPDX-License-Identifier: Apache-2.0 */
/* Notices to a local sender who submitted a message, with a login or by sendmail: RFC 3464 reports, in German or
 * English, with an explanation that a person understands and what can be done. Never to anybody else: whoever did not
 * log in here may not be who they say. But a sender whose mailbox is on an inner server, through which the message
 * came, is told there. */
#pragma once
#include "base/buf.h"
#include "store/spool/remote.h"

enum notice_kind { NOTICE_FAILED, NOTICE_DELAYED, NOTICE_SUCCESS };

struct notice_recipient {
	str address, orcpt;
	struct spool_diagnosis why;
	bool final;   /* NOTICE_SUCCESS: it is in the mailbox, not only with another server */
	bool expired; /* NOTICE_FAILED: it was tried for as long as was agreed */
};

struct notice {
	enum notice_kind kind;
	const struct spool_message *about;
	uint32_t account; /* that gets it; 0: it goes to the sender's address, inside */
	const struct notice_recipient *list;
	size_t count;
	str hostname;
	int64_t retry_until; /* NOTICE_DELAYED: milliseconds UTC */
};

/* Does this message have a sender who may be told? RFC 3834 2, RFC 5321 4.5.5. keeper: of a local user's recipient. */
bool notice_is_allowed(const struct spool_message *about, uint32_t keeper);
/* Whose mailbox a notice that is allowed goes to; 0: one on an inner server. */
uint32_t notice_account(const struct spool_message *about, uint32_t keeper);
/* Was such a notice asked for, or by default? RFC 3461 4.1; nothing said counts as FAILURE and DELAY. */
bool notice_wanted(unsigned notify, enum notice_kind kind);

/* What is quoted of the message: all of it, or its header. */
struct notice_quote {
	str text;
	bool whole;
};
/* The report. now: milliseconds UTC; token: unique, of letters and digits. ERR_LIMIT: it is larger than the room. */
err notice_write(const struct notice *n, const struct notice_quote *quote, int64_t now, str token, struct buf *out);

/* Writes it and stores it for the sender's account, in the transaction that is open. Failures are the spool's. */
err notice_spool(const struct notice *n, struct spool *spool);

/* What the administrator may do about a cause (ipc/cause.h). */
const char *notice_advice(unsigned cause);
