/* SPDX-License-Identifier: Apache-2.0 */
/* The log file in the home folder: siegel.log, at the change of the day (UTC) renamed to siegel-YYYY-MM-DD.log, removed
 * when it is older than the configuration says. If somebody else moves it away a new one is begun. */
#pragma once
#include "base/str.h"

struct log_file {
	int fd; /* -1: not open */
	uint64_t inode;
	int64_t day, looked_at;
	uint64_t retention_days; /* 0: kept for ever */
};

/* Opens it at once, so that a folder that cannot be written is noticed at the start. */
err log_file_open(struct log_file *f, uint64_t retention_days, int64_t utc_ms);
/* Appends whole lines. *lines becomes those that do not stand in the file, on a full disk for example: to be given again. */
err log_file_write(struct log_file *f, str *lines, int64_t utc_ms);

enum { LOG_FILES_MAX = 4000, LOG_FILE_NAME = 32 };
/* The names of all log files, oldest first, siegel.log last. Returns how many. */
size_t log_files(char (*names)[LOG_FILE_NAME], size_t most);
