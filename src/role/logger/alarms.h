/* SPDX-License-Identifier: Apache-2.0 */
/* Alarms that nobody has acknowledged: at most one per kind and hour, later ones of the same kind are counted on it. They
 * are kept in the file "alarms" of the home folder. */
#pragma once
#include "base/log.h"

enum { ALARMS_MAX = 500, ALARM_TEXT_MAX = 1024 };

struct alarm_entry {
	uint64_t number, times;
	int64_t first_ms, last_ms;
	enum log_event event;
	char text[ALARM_TEXT_MAX]; /* the log line that raised it, cut where it is longer */
	size_t length;
};

struct alarms {
	struct alarm_entry entry[ALARMS_MAX]; /* oldest first; when full the oldest goes */
	size_t count;
	uint64_t last_number;
};

/* True: a new one, which a person is to be told; false: the same kind within the hour. */
bool alarms_add(struct alarms *a, enum log_event event, str line, int64_t utc_ms);
/* number 0: all of them. False: there is no such alarm. */
bool alarms_acknowledge(struct alarms *a, uint64_t number);

/* From and to the file. What cannot be read is left out: alarms also stand in the log. */
void alarms_load(struct alarms *a);
err alarms_save(const struct alarms *a);
