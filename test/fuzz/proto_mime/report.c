/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of a report is part of it, and nothing is said of what is none. */
#include "fuzz.h"
#include "proto/mime/report.h"

#include <stdlib.h>

static bool is_within(str part, str whole)
{
	return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new("fuzz", 4 << 20);
	str message = { (const char *)p, n };
	struct mime_report r;
	err e = mime_report_read(a, message, &r);
	if (failed(e) && e.code != ERR_MEMORY && e.code != ERR_LIMIT)
		abort();
	if (!failed(e) &&
		(!is_within(r.status, message) || !is_within(r.diagnostic, message) ||
			(r.is_undelivered && !r.is_report) || (!r.is_undelivered && r.status.n + r.diagnostic.n > 0)))
		abort();
	arena_free(&a);
	return 0;
}
