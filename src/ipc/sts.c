/* SPDX-License-Identifier: Apache-2.0 */
#include "ipc/sts.h"

enum tls_result_type sts_failure_type(enum sts_failure f)
{
	switch (f) {
	case STS_FAILURE_FETCH:
		return TLS_RESULT_STS_POLICY_FETCH_ERROR;
	case STS_FAILURE_INVALID:
		return TLS_RESULT_STS_POLICY_INVALID;
	case STS_FAILURE_WEBPKI:
		return TLS_RESULT_STS_WEBPKI_INVALID;
	case STS_FAILURE_NONE:
	default:
		return TLS_RESULT_SUCCESS;
	}
}

void sts_patterns_write(struct buf *b, const struct mta_sts_policy *policy)
{
	for (size_t i = 0; i < policy->patterns_count; i++) {
		buf_add(b, policy->patterns[i]);
		buf_byte(b, '\n');
	}
}

err sts_patterns_read(str text, struct arena *a, struct mta_sts_policy *policy)
{
	size_t count = 0;
	str line, rest = text;
	while (str_word(&rest, '\n', &line)) {
		if (line.n == 0 || line.n > MTA_STS_PATTERN_MAX || count == MTA_STS_PATTERNS_MAX)
			return FAIL(SYNTAX);
		count++;
	}
	str *all = NEW(a, str, count);
	if (count > 0 && all == NULL)
		return FAIL(MEMORY);
	for (size_t i = 0; i < count; i++)
		(void)str_word(&text, '\n', &all[i]);
	policy->patterns = all;
	policy->patterns_count = count;
	return OK;
}
