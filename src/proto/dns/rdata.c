/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/rdata.h"

#include <stdlib.h>

#include "proto/dns/name.h"

enum { V4_BYTES = 4, V6_BYTES = 16 };

static unsigned take_byte(struct cur *c)
{
	str byte = cur_bytes(c, 1);
	return cur_ok(c) ? (unsigned char)byte.p[0] : 0;
}

static str take_name(struct cur *c, struct arena *a)
{
	char room[DNS_NAME_MAX + 1];
	struct buf b = BUF_ON(room);
	dns_name_take(c, &b);
	return cur_ok(c) ? arena_copy(a, buf_str(&b)) : NO_STR;
}

/* PREFERENCE EXCHANGE                                                                        RFC 1035 3.3.9 */
static void take_mx(struct cur *c, struct arena *a, struct dns_record *r)
{
	unsigned high = take_byte(c);
	r->preference = (uint16_t)(high << 8 | take_byte(c));
	r->name = take_name(c, a);
}

static void take_v4(struct cur *c, struct dns_record *r)
{
	str bytes = cur_bytes(c, V4_BYTES);
	r->address = (struct address){ { [10] = 0xff, [11] = 0xff } };
	if (cur_ok(c))
		memcpy(r->address.bytes + V6_BYTES - V4_BYTES, bytes.p, V4_BYTES);
}

static void take_v6(struct cur *c, struct dns_record *r)
{
	str bytes = cur_bytes(c, V6_BYTES);
	if (cur_ok(c))
		memcpy(r->address.bytes, bytes.p, V6_BYTES);
}

/* usage, selector, matching type, certificate association data, of which there may be none: such a record cannot be used, but it is
 * there, and that demands TLS (RFC 7672 2.2).                                                RFC 6698 2.1 */
static void take_tlsa(struct cur *c, struct dns_record *r)
{
	r->tlsa.usage = (uint8_t)take_byte(c);
	r->tlsa.selector = (uint8_t)take_byte(c);
	r->tlsa.matching = (uint8_t)take_byte(c);
	r->tlsa.data = cur_rest(c);
	if (r->tlsa.data.n > DNS_TLSA_MAX)
		cur_fail_with(c, FAIL(LIMIT), "less data");
	(void)cur_bytes(c, r->tlsa.data.n);
}

/* One or more <character-string>, here joined without anything between them (RFC 7208 3.3).  RFC 1035 3.3.14 */
static void take_text(struct cur *c, struct arena *a, struct dns_record *r)
{
	size_t total = c->in.n < DNS_TEXT_MAX ? c->in.n : DNS_TEXT_MAX;
	struct buf all = buf_in(a, total);
	do {
		str string = cur_bytes(c, take_byte(c));
		buf_add(&all, string);
	} while (cur_ok(c) && !cur_at_end(c));
	if (all.lost && !arena_spent(a))
		cur_fail_with(c, FAIL(LIMIT), "less text");
	r->text = buf_str(&all);
}

err dns_rdata_parse(enum dns_type type, str rdata, struct arena *a, struct dns_record *out)
{
	struct cur c = cur_of(rdata);
	struct dns_record r = { .name = S(""), .text = S(""), .tlsa.data = S("") };
	switch (type) {
	case DNS_A:
		take_v4(&c, &r);
		break;
	case DNS_AAAA:
		take_v6(&c, &r);
		break;
	case DNS_MX:
		take_mx(&c, a, &r);
		break;
	case DNS_TLSA:
		take_tlsa(&c, &r);
		break;
	case DNS_TXT:
		take_text(&c, a, &r);
		break;
	case DNS_CNAME:
	case DNS_PTR:
		r.name = take_name(&c, a);
		break;
	}
	cur_end(&c);
	if (arena_spent(a))
		return FAIL(MEMORY);
	TRY(c.e);
	*out = r;
	return OK;
}

static int compare_numbers(unsigned a, unsigned b) { return a < b ? -1 : a > b; }

/* What the type does not use is the same in all. */
static int compare(const void *one, const void *other)
{
	const struct dns_record *a = one, *b = other;
	int c = compare_numbers(a->preference, b->preference);
	if (c == 0)
		c = memcmp(a->address.bytes, b->address.bytes, sizeof a->address.bytes);
	if (c == 0)
		c = str_compare(a->name, b->name);
	if (c == 0)
		c = compare_numbers(a->tlsa.usage, b->tlsa.usage);
	if (c == 0)
		c = compare_numbers(a->tlsa.selector, b->tlsa.selector);
	if (c == 0)
		c = compare_numbers(a->tlsa.matching, b->tlsa.matching);
	if (c == 0)
		c = str_compare(a->tlsa.data, b->tlsa.data);
	return c == 0 ? str_compare(a->text, b->text) : c;
}

size_t dns_records_sort(struct dns_record *records, size_t count)
{
	size_t kept = 0;
	if (count > 0)
		qsort(records, count, sizeof *records, compare);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || compare(&records[kept - 1], &records[i]) != 0)
			records[kept++] = records[i];
	return kept;
}
