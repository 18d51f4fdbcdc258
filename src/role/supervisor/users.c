/* SPDX-License-Identifier: Apache-2.0 */
#include "role/supervisor/users.h"

#include "conf/check.h"

#include <pwd.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 32, ENTRY_MAX = 16384 };

bool user_is_root(void) { return geteuid() == 0; }

err user_of_role(const char *role, struct user *out, struct buf *reason)
{
	char room[NAME_MAX_BYTES], entry[ENTRY_MAX];
	struct buf name = BUF_ON(room);
	struct passwd found, *result = NULL;
	if (!user_is_root()) {
		*out = (struct user){ geteuid(), getegid(), false };
		return OK;
	}
	buf_addf(&name, "siegel-%s", role);
	if (name.lost || getpwnam_r(room, &found, entry, sizeof entry, &result) != 0 || result == NULL ||
		found.pw_uid == 0) {
		buf_addf(reason, "the system user siegel-%s is missing; \"siegel init\" makes it", role);
		return FAIL(ABSENT);
	}
	*out = (struct user){ found.pw_uid, found.pw_gid, true };
	return OK;
}

err user_of_account(const struct conf_accounts *conf, uint32_t account, struct user *out)
{
	uint32_t first, last;
	if (!user_is_root()) {
		*out = (struct user){ geteuid(), getegid(), false };
		return OK;
	}
	TRY(conf_uids(conf->uids, &first, &last));
	if (account > last - first)
		return FAIL(LIMIT);
	*out = (struct user){ first + account, first + account, true };
	return OK;
}
