/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies as files of the current folder, named by the message's number. A file stands under its name from its first
 * byte: what is never committed has no row, and is removed at the next start. Any thread. */
#pragma once
#include "base/str.h"
#include "store/spool/spool.h"

/* Made new, 0600, for writing. ERR_EXISTS, ERR_DISK_FULL, ERR_STORAGE. */
err spool_file_make(const uint8_t number[SPOOL_NUMBER], int *fd);
/* All of it. ERR_DISK_FULL, ERR_STORAGE. */
err spool_file_write(int fd, str bytes);
/* What was written is durable; the name is only after spool_folder_sync(). ERR_DISK_FULL, ERR_STORAGE. */
err spool_file_sync(int fd);
err spool_folder_sync(void);
/* For reading only. ERR_ABSENT, ERR_STORAGE. */
err spool_file_open(const uint8_t number[SPOOL_NUMBER], int *fd);
/* Whether it holds the body that came in, as far as size and checksum tell. ERR_ABSENT, ERR_STORAGE: it cannot be read. */
err spool_file_check(const struct spool_message *m, bool *sound);
void spool_file_remove(const uint8_t number[SPOOL_NUMBER]);

/* Bytes that the file system still gives to us. ERR_STORAGE. */
err spool_free(uint64_t *bytes);

enum { SPOOL_NAME = 2 * SPOOL_NUMBER + sizeof ".body" };
void spool_file_name(const uint8_t number[SPOOL_NUMBER], char name[SPOOL_NAME]);
/* Whether it is the name of a body; then its number. */
bool spool_file_is(str name, uint8_t number[SPOOL_NUMBER]);

/* Asked before each write (false) and sync (true) when set: a true answer makes it fail, the write for want of space.
 * Only tests set it. */
extern bool (*spool_file_fault)(bool sync);
