/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock by system call. Debian 12's headers end at ABI 2, so numbers and structures of the later ones stand here; they
 * are part of the kernel's stable interface (Documentation/userspace-api/landlock.rst). */
#include "os/landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { VERSION_FLAG = 1, RULE_PATH_BENEATH = 1 };

/* clang-format off */
enum {
	FS_EXECUTE = 1 << 0, FS_WRITE_FILE = 1 << 1, FS_READ_FILE = 1 << 2, FS_READ_DIR = 1 << 3, FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5, FS_MAKE_CHAR = 1 << 6, FS_MAKE_DIR = 1 << 7, FS_MAKE_REG = 1 << 8, FS_MAKE_SOCK = 1 << 9,
	FS_MAKE_FIFO = 1 << 10, FS_MAKE_BLOCK = 1 << 11, FS_MAKE_SYM = 1 << 12, FS_REFER = 1 << 13, FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15,
	NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1,
	SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1,
};
/* clang-format on */

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t allowed;
	int32_t folder;
} __attribute__((packed));

unsigned landlock_offered(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION_FLAG);
	return abi > 0 ? (unsigned)abi : 0;
}

static struct ruleset everything(unsigned abi, bool connects)
{
	struct ruleset r = { .fs = (1 << 13) - 1 };
	if (abi >= 2)
		r.fs |= FS_REFER;
	if (abi >= 3)
		r.fs |= FS_TRUNCATE;
	if (abi >= 4 && !connects)
		r.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (abi >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (abi >= 6)
		r.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
	return r;
}

/* An older kernel refuses a longer structure whose tail is not zero, and takes one that is. */
static size_t ruleset_size(unsigned abi) { return abi >= 6 ? 24 : abi >= 4 ? 16 : 8; }

err landlock_confine(int home, unsigned abi, bool connects)
{
	struct ruleset all = everything(abi, connects);
	long ruleset = syscall(SYS_landlock_create_ruleset, &all, ruleset_size(abi), 0);
	if (ruleset < 0)
		return FAIL(SYSTEM);
	struct path_beneath rule = { .folder = home,
		.allowed = all.fs &
			   (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR | FS_REMOVE_FILE | FS_MAKE_REG | FS_TRUNCATE) };
	long result = 0;
	if (home >= 0)
		result = syscall(SYS_landlock_add_rule, (int)ruleset, RULE_PATH_BENEATH, &rule, 0);
	if (result == 0)
		result = syscall(SYS_landlock_restrict_self, (int)ruleset, 0);
	int reason = errno;
	close((int)ruleset);
	errno = reason;
	return result == 0 ? OK : FAIL(SYSTEM);
}
