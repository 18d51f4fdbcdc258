/* SPDX-License-Identifier: Apache-2.0 */
/* Test vectors from test/data. */
#pragma once
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

/* The whole file, at most 1 MiB; the next call overwrites it. */
static inline str data_file(const char *name)
{
	static char bytes[1 << 20];
	char path[4096];
	const char *folder = getenv("TEST_DATA");
	snprintf(path, sizeof path, "%s/%s", folder != NULL ? folder : "test/data", name);
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("%s cannot be opened", path);
	size_t n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	return (str){ bytes, n };
}
