/* SPDX-License-Identifier: Apache-2.0 */
/* The words of directory_sender.def that both sides must mean alike: what an inner server says of a recipient. */
#pragma once

enum callout_answer {
	CALLOUT_TAKEN,   /* it would take the message */
	CALLOUT_UNKNOWN, /* no such mailbox, for good */
	CALLOUT_FULL,    /* for good, or for now */
	CALLOUT_SIZE,    /* the message is too large, for good */
	CALLOUT_REFUSED, /* anything else, for good */
	CALLOUT_LATER,   /* anything else, for now */
	CALLOUT_AWAY,    /* it cannot be asked, says nothing in time, or nonsense */
	CALLOUT_ANSWERS
};
