/* SPDX-License-Identifier: Apache-2.0 */
/* MTA-STS (RFC 8461): the record that says that a domain has a policy, the policy, and what it says of a host. */
#pragma once
#include "base/arena.h"
#include "base/str.h"

enum {
	MTA_STS_ID_MAX = 32,
	MTA_STS_FILE_MAX = 64 << 10, /* RFC 8461 3.2 */
	MTA_STS_AGE_MAX = 31557600,  /* seconds, a year (RFC 8461 3.2) */
	MTA_STS_PATTERNS_MAX = 100,  /* more are left out, which can only make the policy stricter */
	MTA_STS_PATTERN_MAX = 255,
};

enum mta_sts_mode { MTA_STS_NONE, MTA_STS_TESTING, MTA_STS_ENFORCE };

struct mta_sts_policy {
	enum mta_sts_mode mode;
	uint32_t max_age;    /* seconds */
	const str *patterns; /* "mx.example.org", "*.example.org"; lower case */
	size_t patterns_count;
};

/* "enforce"; static memory. */
const char *mta_sts_mode_name(enum mta_sts_mode mode);

/* Whether a TXT record is one of MTA-STS's at all; the others of a name are none of ours. */
bool mta_sts_record_is(str text);
/* "v=STSv1; id=20160831085700Z;": the id, a view. ERR_SYNTAX. */
err mta_sts_record_parse(str text, str *id);

/* The file. Strings live in the arena. ERR_SYNTAX: not a policy; ERR_LIMIT: longer than MTA_STS_FILE_MAX; ERR_MEMORY. */
err mta_sts_policy_parse(str text, struct arena *a, struct mta_sts_policy *out);

/* Whether a host (in any case, without a dot at the end) is one of those that the policy names: as it stands, or by a * in the
 * place of its leftmost label, which stands for one label exactly (RFC 8461 4.1). */
bool mta_sts_matches(const struct mta_sts_policy *policy, str host);
