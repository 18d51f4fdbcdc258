/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/keys.h"

#include <unistd.h>

static err read_tls(int folder, struct arena *a, struct keys *out, struct buf *reason)
{
	static const str hint = { "; \"siegel init\" makes a first one, signed by itself", 52 };
	const struct file_wanted key = { folder, "tls.key", true, KEY_MAX };
	const struct file_wanted certificates = { folder, "tls.crt", false, CERTIFICATES_MAX };
	err e = folder_read(&key, a, &out->tls_key, reason);
	if (!failed(e))
		e = folder_read(&certificates, a, &out->tls_certificates, reason);
	if (e.code == ERR_ABSENT)
		buf_add(reason, hint);
	return e;
}

err keys_read(const struct folders *f, bool with_tls, struct arena *a, struct keys *out, struct buf *reason)
{
	const struct user self = { geteuid(), getegid(), false };
	struct keys keys = { NO_STR, NO_STR };
	int folder;
	TRY(folder_open(f, "keys", &self, &folder, reason));
	err e = with_tls ? read_tls(folder, a, &keys, reason) : OK;
	close(folder);
	if (!failed(e))
		*out = keys;
	return e;
}
