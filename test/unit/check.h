/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with the headers it wants before it, and what our tables of cases need. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Fails with both texts when they differ. name is the case's. */
static inline void check_str(const char *name, str got, str want)
{
	if (!str_eq(got, want))
		fail_msg("%s: got \"%.*s\", want \"%.*s\"", name, ARG(got), ARG(want));
}

static inline void check_err(const char *name, err got, enum err_code want)
{
	if (got.code != want)
		fail_msg("%s: got \"%s\", want \"%s\"", name, err_text(got), err_text((err){ want }));
}
