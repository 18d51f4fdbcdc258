/* SPDX-License-Identifier: Apache-2.0 */
/* `siegel serve`: binds the ports, starts the processes and hands out their channels, starts again what dies, stops all in
 * order. It parses nothing that came from outside but the frames of its own children, which it treats as strangers. */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"
#include "role/supervisor/folders.h"

struct supervisor_setup {
	const char *conf_path;
	const str *overrides;
	size_t overrides_count;
	const char *programs;   /* the folder that they lie in */
	bool forgiving;         /* the configuration may have mistakes: a server must be stoppable all the same */
	bool offline;           /* only what an administrator's command needs; no listeners but its socket */
	bool offline_queue;     /* the command is one of the queue's */
	struct folders folders; /* opened and locked; they become the supervisor's */
	/* Called once, when every process serves. */
	void (*ready)(void *to);
	/* One line for the person who started it: a mistake in the configuration, why it cannot start. */
	void (*complain)(void *to, str text);
	void *to;
};

/* Returns when the server has ended: 0 as asked, 1 if it could not start or all went wrong. There must be one thread. */
int supervisor_serve(const struct supervisor_setup *setup);

/* Reads and checks the configuration file. Mistakes go to complain. ERR_ABSENT: no such file; ERR_SYNTAX: mistakes. */
err configuration_read(const struct supervisor_setup *setup, struct arena *a, struct conf *out);
