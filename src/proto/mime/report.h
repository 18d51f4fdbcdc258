/* SPDX-License-Identifier: Apache-2.0 */
/* Reports on what became of a message (RFC 3464): whether one says that it was not delivered, for good. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

/* Views of the message. */
struct mime_report {
	bool is_report;      /* multipart/report with the type delivery-status */
	bool is_undelivered; /* and one of its recipients failed */
	str status;          /* of that one, 5.1.1; empty: not said */
	str diagnostic;      /* what the other server said, folded as it came; empty: not said */
};

/* Of a message, or as much as there is of it. ERR_MEMORY: the arena is spent. */
err mime_report_read(struct arena *a, str message, struct mime_report *out);
