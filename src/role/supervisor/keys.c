/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/keys.h"

#include "os/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OTHERS_ANY = 0077 };

static err look(int folder, const char *name, struct stat *out, struct buf *reason)
{
	if (fstatat(folder, name, out, AT_SYMLINK_NOFOLLOW) == 0)
		return OK;
	buf_addf(reason, "keys/%s: %s; \"siegel init\" makes a first one, \"siegel tls install\" takes yours", name,
		strerror(errno));
	return FAIL(ABSENT);
}

err keys_check(int folder, const struct user *owner, struct buf *reason)
{
	struct stat key, certificates;
	TRY(look(folder, "tls.key", &key, reason));
	TRY(look(folder, "tls.crt", &certificates, reason));
	if (key.st_uid == owner->uid && (key.st_mode & OTHERS_ANY) == 0 && S_ISREG(key.st_mode))
		return OK;
	buf_addf(reason, "keys/tls.key can be read by others; it must be a file of user %u, with mode 600", owner->uid);
	return FAIL(DENIED);
}

err keys_certificates(const struct folders *f, struct arena *a, str *out, struct buf *reason)
{
	int folder = openat(f->top, "keys", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct file_wanted certificates = { folder, "tls.crt", false, CERTIFICATES_MAX };
	if (folder < 0) {
		buf_addf(reason, "keys: %s", strerror(errno));
		return FAIL(ABSENT);
	}
	err e = folder_read(&certificates, a, out, reason);
	fd_close(&folder);
	return e;
}
