/* SPDX-License-Identifier: Apache-2.0 */
/* What all tests of the IMAP grammar share: an arena for each case, and results written down as text, so that a table
 * can hold them. */
#pragma once
#include <stdio.h>

#include "check.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"

enum { ARENA_MAX = 512 << 10, TEXT_MAX = 4096 };

/* The written form of a result; NULL in a table: not looked at. */
static inline void check_written(const char *name, const struct buf *got, const char *want)
{
	if (want == NULL)
		return;
	if (got->lost)
		fail_msg("%s: the buffer is lost", name);
	check_str(name, buf_str(got), str_of(want));
}
