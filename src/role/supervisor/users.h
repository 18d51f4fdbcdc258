/* SPDX-License-Identifier: Apache-2.0 */
/* Who a process runs as. Under root each role has a system user of its own, siegel-<role>, and each account a user number;
 * otherwise all run as the one who started the server. */
#pragma once
#include "base/buf.h"
#include "conf/conf.h"

#include <sys/types.h>

struct user {
	uid_t uid;
	gid_t gid;
	bool changes; /* it is not the one of this process */
};

bool user_is_root(void);
/* ERR_ABSENT: there is no such system user; *reason then says what to do. */
err user_of_role(const char *role, struct user *out, struct buf *reason);
/* ERR_LIMIT: the range of accounts.uids has no number for it. */
err user_of_account(const struct conf_accounts *conf, uint32_t account, struct user *out);
