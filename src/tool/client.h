/* SPDX-License-Identifier: Apache-2.0 */
/* One command at the door of a server, or of the few roles that are started when none runs. */
#pragma once
#include "role/supervisor/supervisor.h"
#include "tool/command.h"

/* Where the programs of the roles lie: beside this one, or installed. */
const char *programs_folder(struct arena *a);
/* The configuration of the call, with the folders of its installation opened. What becomes of mistakes: they are told, on stderr,
 * and count; are told only; or somebody else tells them. */
enum call_mistakes { MISTAKES_COUNT, MISTAKES_TOLD, MISTAKES_SILENT };
err call_open(const struct call *call, enum call_mistakes mistakes, struct conf *conf, struct supervisor_setup *out);

enum { REQUEST_FILES = 2 };
/* A command to be sent; words are "name=value". */
struct request {
	const char *verb;
	const str *words;
	size_t words_count;
	str secret;
	int files[REQUEST_FILES]; /* open ones to be sent along; stay the caller's */
	size_t files_count;
	bool own;     /* what anybody may ask: by the door for that */
	bool offline; /* to the processes that this command started for itself */
};
/* Calls line() for each line of the answer. OK: done. ERR_DENIED: refused, *reason says why. ERR_ABSENT: no server runs.
 * ERR_CLOSED: it went away. reason is written after any failure. */
err client_send(const struct folders *folders, const struct request *request, void (*line)(void *to, str json),
	void *to, struct buf *reason);

/* Starts the roles that commands need, calls use(), and ends them. ERR_EXISTS: another server or command holds the
 * installation just now; ERR_SYSTEM: they could not be started, which was said on stderr. */
err offline_run(const struct supervisor_setup *setup, int (*use)(void *to), void *to, int *status);
