/* SPDX-License-Identifier: Apache-2.0 */
/* The process that writes the log: it alone has the file, it alone says which process an entry comes from. */
#pragma once
#include "ipc/admin.h"
#include "ipc/peer.h"
#include "role/logger/alarms.h"
#include "role/logger/file.h"
#include "role/logger/format.h"

enum { FOLLOWERS_MAX = 8, OUTPUT_ROOM = 128 << 10 };

struct logger {
	struct service *service;
	struct admin_door *door;
	struct log_file file;
	struct alarms alarms;
	struct hash_key pseudonyms;
	int64_t pseudonyms_day;
	enum log_level least;
	struct peer directory; /* which has alarms mailed */
	struct arena *sources;
	struct source *free_sources;
	struct buf output; /* of one round of the loop, written at its end; what a full disk refuses waits here */
	struct loop_timer flush;
	unsigned taken;   /* entries of this round */
	uint64_t dropped; /* for which the output had no room */
	struct admin *followers[FOLLOWERS_MAX];
	char output_room[OUTPUT_ROOM];
};

/* Adds an entry of a process to the output. */
void logger_take(
	struct logger *l, const struct log_origin *origin, enum log_event event, const struct log_field *fields);
/* Writes the output. What cannot be written is tried again a second later. */
void logger_flush(struct logger *l);
/* What every line's origin shares. */
struct log_origin logger_origin(struct logger *l, str role, uint64_t pid);

/* "log trace". */
void logger_trace(struct admin *a);
extern const struct admin_verb logger_verbs[];
