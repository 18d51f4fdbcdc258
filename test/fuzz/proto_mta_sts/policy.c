/* SPDX-License-Identifier: Apache-2.0 */
/* A record or a policy of any bytes. What is understood, written down again in the plainest form, says the same. */
#include "base/buf.h"
#include "fuzz.h"
#include "proto/mta_sts/policy.h"

#include <stdlib.h>

enum { BUDGET = 1 << 20 };

static void need(bool good)
{
	if (!good)
		abort();
}

static void check_record(str text)
{
	char room[100];
	struct buf b = BUF_ON(room);
	str id, again;
	if (failed(mta_sts_record_parse(text, &id)))
		return;
	need(mta_sts_record_is(text) && id.n > 0 && id.n <= MTA_STS_ID_MAX);
	buf_addf(&b, "v=STSv1; id=%.*s", ARG(id));
	need(!failed(mta_sts_record_parse(buf_str(&b), &again)) && str_eq(id, again));
}

static void check_policy(str text, struct arena *a)
{
	struct mta_sts_policy p, again;
	if (failed(mta_sts_policy_parse(text, a, &p)))
		return;
	need(p.max_age <= MTA_STS_AGE_MAX && p.patterns_count <= MTA_STS_PATTERNS_MAX);
	struct buf b = buf_in(a, MTA_STS_FILE_MAX);
	buf_addf(&b, "version: STSv1\nmode: %s\nmax_age: %u\n", mta_sts_mode_name(p.mode), p.max_age);
	for (size_t i = 0; i < p.patterns_count; i++) {
		need(p.patterns[i].n <= MTA_STS_PATTERN_MAX);
		buf_addf(&b, "mx: %.*s\n", ARG(p.patterns[i]));
		need(str_starts(p.patterns[i], S("*.")) || mta_sts_matches(&p, p.patterns[i]));
	}
	need(!failed(mta_sts_policy_parse(buf_str(&b), a, &again)));
	need(again.mode == p.mode && again.max_age == p.max_age && again.patterns_count == p.patterns_count);
	for (size_t i = 0; i < p.patterns_count; i++)
		need(str_eq(p.patterns[i], again.patterns[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	str text = { (const char *)p, n };
	struct arena *a = arena_new("fuzz", BUDGET);
	check_record(text);
	check_policy(text, a);
	arena_free(&a);
	return 0;
}
