/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/client.h"
#include "tool/run.h"

#include <stdio.h>

static void say_ready(void *to)
{
	(void)to;
	puts("ready");
	fflush(stdout);
}

int run_serve(const struct call *call)
{
	static struct conf conf;
	struct supervisor_setup setup;
	char room[400];
	struct buf reason = BUF_ON(room);
	pid_t owner = 0;
	if (failed(call_open(call, MISTAKES_COUNT, &conf, &setup)))
		return EXIT_REFUSED;
	if (failed(folders_lock(&setup.folders, &owner, &reason)))
		return refuse("%.*s", ARG(buf_str(&reason)));
	setup.ready = say_ready;
	return supervisor_serve(&setup) == 0 ? EXIT_DONE : EXIT_REFUSED;
}
