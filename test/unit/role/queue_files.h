/* SPDX-License-Identifier: Apache-2.0 */
/* The files that the queue has in its folder. */
#pragma once
#include "os/clock.h"
#include "queue_house.h"

/* Files of the folder whose names end like that. */
static inline unsigned house_files(str ending)
{
	unsigned n = 0;
	DIR *d = opendir(".");
	for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
		n += str_ends(str_of(e->d_name), ending);
	closedir(d);
	return n;
}

static inline void wait_for_files(str ending, unsigned files)
{
	int64_t end = clock_ms() + PATIENCE_MS;
	while (house_files(ending) != files && clock_ms() < end)
		usleep(1000);
	MUST(house_files(ending) == files ? OK : FAIL(STATE));
}
