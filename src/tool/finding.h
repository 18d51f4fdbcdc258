/* SPDX-License-Identifier: Apache-2.0 */
/* What `siegel check` finds: one line each. */
#pragma once
#include "tool/show.h"

struct findings {
	struct show *show;
	unsigned errors;
};

/* level: "error", "warning", "decide" or "ok". */
void finding(struct findings *f, const char *level, const char *subject, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with the time that it took, in milliseconds. */
void finding_timed(struct findings *f, int64_t milliseconds, const char *level, const char *subject, const char *format,
	...) __attribute__((format(printf, 5, 6)));
