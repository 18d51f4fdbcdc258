/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte chooses the type, the rest is the data of a record. A name that was read is a name as text too, and the
 * same; nothing is longer than it may be; and what was read has all the bytes of what came. */
#include "fuzz.h"
#include "proto/dns/name.h"
#include "proto/dns/rdata.h"

#include <stdlib.h>

enum { BUDGET = 64 << 10, NAME_ENDS = 2 };

static void need(bool good)
{
	if (!good)
		abort();
}

static void check_name(str name)
{
	char room[DNS_NAME_MAX + 1];
	struct buf again = BUF_ON(room);
	if (name.n == 0)
		return;
	need(name.n <= DNS_NAME_MAX && str_is(CH_DNS_NAME, str_slice(name, 0, 1)));
	need(!failed(dns_name_parse(name, &again)) && str_eq(buf_str(&again), name));
}

static size_t wire_size(str name) { return name.n == 0 ? 1 : name.n + NAME_ENDS; }

static void check(enum dns_type type, const struct dns_record *r, size_t n)
{
	check_name(r->name);
	switch (type) {
	case DNS_A:
		need(n == 4 && address_is_v4(&r->address));
		break;
	case DNS_AAAA:
		need(n == 16);
		break;
	case DNS_MX:
		need(n == 2 + wire_size(r->name));
		break;
	case DNS_TLSA:
		need(n == 3 + r->tlsa.data.n && r->tlsa.data.n <= DNS_TLSA_MAX);
		break;
	case DNS_TXT:
		need(r->text.n < n && r->text.n <= DNS_TEXT_MAX);
		break;
	case DNS_CNAME:
	case DNS_PTR:
		need(n == wire_size(r->name));
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_MX, DNS_TLSA, DNS_TXT, DNS_CNAME, DNS_PTR };
	char room[DNS_NAME_MAX + 1];
	struct buf name = BUF_ON(room);
	struct dns_record pair[2] = { { 0 } };
	if (n == 0)
		return 0;
	struct arena *a = arena_new("fuzz", BUDGET);
	enum dns_type type = types[p[0] % (sizeof types / sizeof *types)];
	str data = { (const char *)p + 1, n - 1 };
	if (!failed(dns_rdata_parse(type, data, a, &pair[0]))) {
		check(type, &pair[0], data.n);
		pair[1] = pair[0];
		need(dns_records_sort(pair, 2) == 1);
	}
	if (!failed(dns_name_parse(data, &name)))
		check_name(buf_str(&name));
	arena_free(&a);
	return 0;
}
