/* SPDX-License-Identifier: Apache-2.0 */
#include "trust/mx.h"

#include <stdlib.h>

#include "base/chars.h"

static int by_preference(const void *a, const void *b)
{
	const struct mx_host *one = a, *other = b;
	return (one->preference > other->preference) - (one->preference < other->preference);
}

static str without_dot(str host) { return str_ends(host, S(".")) ? str_slice(host, 0, host.n - 1) : host; }

/* "A lone . as the exchange" is null MX only when it is the one record; among others it is no host. An address in place of
 * a name is a common mistake, and an invitation to connect to it. */
static bool is_host(str host)
{
	size_t dot = str_find_last(host, '.');
	str last = dot == STR_NONE ? host : str_after(host, dot + 1);
	return host.n > 0 && host.n <= 253 && str_find(host, ':') == STR_NONE && !str_is(CH_DIGIT, last);
}

static bool is_own(str host, const str *own, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq_nocase(host, without_dot(own[i])))
			return true;
	return false;
}

static void shuffle(struct mx_host *hosts, size_t count, uint64_t (*chance)(uint64_t below))
{
	for (size_t i = count; i > 1; i--) {
		size_t other = (size_t)chance(i);
		struct mx_host h = hosts[i - 1];
		hosts[i - 1] = hosts[other];
		hosts[other] = h;
	}
}

/* What is left of the sorted list: hosts, each once. The list of others that it is compared with is short. */
static size_t keep_hosts(struct mx_host *hosts, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count && kept < MX_HOSTS_MAX; i++) {
		bool seen = !is_host(hosts[i].host);
		for (size_t k = 0; !seen && k < kept; k++)
			seen = str_eq_nocase(hosts[k].host, hosts[i].host);
		if (!seen)
			hosts[kept++] = hosts[i];
	}
	return kept;
}

enum mx_verdict mx_order(
	struct mx_host *hosts, size_t *count, const str *own, size_t own_count, uint64_t (*chance)(uint64_t below))
{
	for (size_t i = 0; i < *count; i++)
		hosts[i].host = without_dot(hosts[i].host);
	if (*count == 1 && hosts[0].host.n == 0)
		return MX_NULL;
	/* Looked for among all of them: a long list must not hide us. */
	uint32_t ours = UINT32_MAX;
	for (size_t i = 0; i < *count; i++)
		if (hosts[i].preference < ours && is_own(hosts[i].host, own, own_count))
			ours = hosts[i].preference;
	qsort(hosts, *count, sizeof *hosts, by_preference);
	/* RFC 5321 5.1: "the sender-SMTP MUST randomize them to spread the load" */
	for (size_t from = 0, to; from < *count; from = to) {
		for (to = from + 1; to < *count && hosts[to].preference == hosts[from].preference; to++)
			;
		shuffle(hosts + from, to - from, chance);
	}
	size_t better = 0;
	while (better < *count && hosts[better].preference < ours)
		better++;
	*count = keep_hosts(hosts, better);
	if (*count > 0)
		return MX_USABLE;
	return ours != UINT32_MAX ? MX_LOOP : MX_NONE;
}
