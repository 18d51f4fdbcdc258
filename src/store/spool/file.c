/* SPDX-License-Identifier: Apache-2.0 */
#include "store/spool/file.h"

#include "base/buf.h"
#include "base/checksum.h"
#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PIECE = 16 << 10 };

bool (*spool_file_fault)(bool sync) = NULL;

static err why(void)
{
	switch (errno) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return FAIL(DISK_FULL);
	case EEXIST:
		return FAIL(EXISTS);
	case ENOENT:
		return FAIL(ABSENT);
	default:
		return FAIL(STORAGE);
	}
}

void spool_file_name(const uint8_t number[SPOOL_NUMBER], char name[SPOOL_NAME])
{
	struct buf b = { .p = name, .room = SPOOL_NAME };
	buf_hex(&b, number, SPOOL_NUMBER);
	buf_add(&b, S(".body"));
	buf_byte(&b, '\0');
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool spool_file_is(str name, uint8_t number[SPOOL_NUMBER])
{
	uint8_t bytes[SPOOL_NUMBER];
	if (name.n != SPOOL_NAME - 1 || !str_ends(name, S(".body")))
		return false;
	for (size_t i = 0; i < SPOOL_NUMBER; i++) {
		int high = digit(name.p[2 * i]), low = digit(name.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(number, bytes, sizeof bytes);
	return true;
}

err spool_file_make(const uint8_t number[SPOOL_NUMBER], int *fd)
{
	char name[SPOOL_NAME];
	spool_file_name(number, name);
	int made = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (made < 0)
		return why();
	*fd = made;
	return OK;
}

err spool_file_write(int fd, str bytes)
{
	if (spool_file_fault != NULL && spool_file_fault(false))
		return FAIL(DISK_FULL);
	while (bytes.n > 0) {
		ssize_t put = write(fd, bytes.p, bytes.n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return why();
		bytes = str_after(bytes, (size_t)put);
	}
	return OK;
}

err spool_file_sync(int fd)
{
	if (spool_file_fault != NULL && spool_file_fault(true))
		return FAIL(STORAGE);
	return fdatasync(fd) == 0 ? OK : why();
}

err spool_folder_sync(void)
{
	if (spool_file_fault != NULL && spool_file_fault(true))
		return FAIL(STORAGE);
	int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return FAIL(STORAGE);
	err e = fsync(folder) == 0 ? OK : why();
	fd_close(&folder);
	return e;
}

err spool_file_open(const uint8_t number[SPOOL_NUMBER], int *fd)
{
	char name[SPOOL_NAME];
	spool_file_name(number, name);
	int opened = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (opened < 0)
		return why();
	*fd = opened;
	return OK;
}

err spool_file_check(const struct spool_message *m, bool *sound)
{
	char room[PIECE];
	uint64_t size = 0;
	uint32_t sum = 0;
	ssize_t n;
	int fd = -1;
	TRY(spool_file_open(m->number, &fd));
	while ((n = read(fd, room, sizeof room)) > 0 && size <= m->size) {
		sum = checksum_add(sum, str_from(room, (size_t)n));
		size += (uint64_t)n;
	}
	err e = n < 0 ? why() : OK;
	fd_close(&fd);
	TRY(e);
	*sound = size == m->size && (!m->has_checksum || sum == m->checksum);
	return OK;
}

void spool_file_remove(const uint8_t number[SPOOL_NUMBER])
{
	char name[SPOOL_NAME];
	spool_file_name(number, name);
	unlink(name); /* what stays is removed at the next start */
}

err spool_free(uint64_t *bytes)
{
	struct statvfs room;
	int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return FAIL(STORAGE);
	bool known = fstatvfs(folder, &room) == 0;
	fd_close(&folder);
	if (!known)
		return FAIL(STORAGE);
	*bytes = (uint64_t)room.f_bavail * room.f_frsize;
	return OK;
}
