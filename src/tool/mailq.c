/* SPDX-License-Identifier: Apache-2.0 */
#include "tool/mailq.h"

#include "tool/client.h"
#include "tool/show.h"

#include "os/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <sysexits.h>

enum { REASON_ROOM = 1400 };

static const struct command *listing(void)
{
	for (size_t i = 0; i < commands_count; i++)
		if (str_eq(str_of(commands[i].words), S("queue list")))
			return &commands[i];
	return NULL;
}

struct counting {
	struct show *show;
	size_t lines;
};

static void show(void *to, str json)
{
	struct counting *c = to;
	c->lines++;
	show_line(c->show, json);
}

int mailq_run(const char *socket, struct arena *a)
{
	const struct request request = { .verb = "queue own", .own = true };
	const struct call call = { .command = listing(), .arena = a };
	char room[REASON_ROOM];
	struct buf reason = BUF_ON(room);
	str path = str_of(socket);
	struct folders folders = { .run_path = arena_copy(a, str_slice(path, 0, str_find_last(path, '/'))).p };
	folders.top_path = folders.run_path;
	folders.run = folders.run_path != NULL ? open(folders.run_path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	struct counting counting = { .show = show_begin(&call) };
	err e = client_send(&folders, &request, show, &counting, &reason);
	show_end(counting.show);
	fd_close(&folders.run);
	if (!failed(e) && counting.lines == 0)
		puts("no mail of yours waits");
	if (failed(e))
		fprintf(stderr, "mailq: %.*s\n", ARG(buf_str(&reason)));
	return !failed(e) ? EX_OK : EX_UNAVAILABLE;
}
