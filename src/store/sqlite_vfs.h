/* SPDX-License-Identifier: Apache-2.0 */
/* How SQLite reaches files: as it always does on Unix, but with paths that stay as they are given, random bytes from the
 * kernel, no change of owners or modes, a log that is written with few calls and can be synced from outside, and faults
 * for tests. */
#pragma once
#include "base/err.h"

#include <sqlite3.h>
#include <stdint.h>

/* Sets the library up, once in a process. The name for sqlite3_open_v2(). */
const char *sqlite_vfs(void);

/* Syncs the write-ahead log of a connection's main file; nothing to do where it has none. Any thread. */
err sqlite_vfs_sync_log(sqlite3_file *main_file);
/* Appends zeros to the log, a piece of it with each call, and syncs them. *more: it is still shorter than size, or there is
 * none yet. ERR_DISK_FULL, ERR_STORAGE. The thread that uses the connection. */
err sqlite_vfs_fill_log(sqlite3_file *main_file, int64_t size, bool *more);
/* Whether a sync of this connection has ever failed. Any thread. */
bool sqlite_vfs_has_failed(sqlite3_file *main_file);
/* Whether the last write of this connection found no room. The thread that uses the connection. */
bool sqlite_vfs_is_full(sqlite3_file *main_file);
/* Gives back memory that is only kept for speed. The thread that uses the connection. */
void sqlite_vfs_slim(sqlite3_file *main_file);
