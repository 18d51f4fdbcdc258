/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/rdata.h"

#include "base/buf.h"
#include "check.h"

static struct arena *arena;

static int start(void **state)
{
	(void)state;
	arena = arena_new("test", 1 << 20);
	return 0;
}

static int end(void **state)
{
	(void)state;
	arena_free(&arena);
	return 0;
}

static void good_test(void **state)
{
	struct dns_record r;
	char room[100];
	struct buf b = BUF_ON(room);
	(void)state;
	check_err("A", dns_rdata_parse(DNS_A, S("\x7f\0\0\1"), arena, &r), ERR_NONE);
	address_write(&b, &r.address);
	buf_byte(&b, ' ');
	check_err("AAAA", dns_rdata_parse(DNS_AAAA, S("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"), arena, &r), ERR_NONE);
	address_write(&b, &r.address);
	check_str("addresses", buf_str(&b), S("127.0.0.1 2001:db8::1"));
	check_err("MX", dns_rdata_parse(DNS_MX, S("\1\2\3Mx1\4test\0"), arena, &r), ERR_NONE);
	assert_int_equal(r.preference, 258);
	check_str("MX", r.name, S("mx1.test"));
	check_err("null MX", dns_rdata_parse(DNS_MX, S("\0\0\0"), arena, &r), ERR_NONE);
	check_str("null MX", r.name, S(""));
	check_err("TLSA",
		dns_rdata_parse(DNS_TLSA,
			S("\3\1\xff"
			  "data"),
			arena, &r),
		ERR_NONE);
	assert_true(r.tlsa.usage == 3 && r.tlsa.selector == 1 && r.tlsa.matching == 255);
	check_str("TLSA", r.tlsa.data, S("data"));
	check_err("TLSA without data", dns_rdata_parse(DNS_TLSA, S("\3\1\1"), arena, &r), ERR_NONE);
	assert_true(r.tlsa.usage == 3 && r.tlsa.data.n == 0);
	check_err("TXT", dns_rdata_parse(DNS_TXT, S("\3v=s\0\4pf1\0"), arena, &r), ERR_NONE);
	check_str("TXT", r.text, S("v=spf1\0"));
	check_err("empty TXT", dns_rdata_parse(DNS_TXT, S("\0"), arena, &r), ERR_NONE);
	check_str("empty TXT", r.text, S(""));
	check_err("CNAME", dns_rdata_parse(DNS_CNAME, S("\1a\0"), arena, &r), ERR_NONE);
	check_str("CNAME", r.name, S("a"));
}

static void bad_test(void **state)
{
	static const struct {
		const char *name;
		enum dns_type type;
		str rdata;
	} cases[] = {
		{ "A too short", DNS_A, S("\x7f\0\0") },
		{ "A too long", DNS_A, S("\x7f\0\0\1\1") },
		{ "AAAA of four", DNS_AAAA, S("\x7f\0\0\1") },
		{ "MX without host", DNS_MX, S("\0\1") },
		{ "MX with more", DNS_MX, S("\0\1\1a\0b") },
		{ "MX with a blank", DNS_MX, S("\0\1\3a b\0") },
		{ "MX with a new line", DNS_MX, S("\0\1\3a\nb\0") },
		{ "TLSA cut", DNS_TLSA, S("\3\1") },
		{ "TXT of nothing", DNS_TXT, S("") },
		{ "TXT cut", DNS_TXT, S("\4abc") },
		{ "CNAME of nothing", DNS_CNAME, S("") },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct dns_record r = { .preference = 7 };
		check_err(cases[i].name, dns_rdata_parse(cases[i].type, cases[i].rdata, arena, &r), ERR_SYNTAX);
		assert_int_equal(r.preference, 7);
	}
}

static void limits_test(void **state)
{
	static char room[70000];
	struct dns_record r;
	(void)state;
	memset(room, 'a', sizeof room);
	check_err("TLSA", dns_rdata_parse(DNS_TLSA, str_from(room, 3 + DNS_TLSA_MAX), arena, &r), ERR_NONE);
	check_err("TLSA", dns_rdata_parse(DNS_TLSA, str_from(room, 4 + DNS_TLSA_MAX), arena, &r), ERR_LIMIT);
	for (size_t i = 0; i < sizeof room; i += 128)
		room[i] = 127;
	check_err("TXT", dns_rdata_parse(DNS_TXT, str_from(room, 64 * 128), arena, &r), ERR_NONE);
	assert_int_equal(r.text.n, 64 * 127);
	check_err("TXT", dns_rdata_parse(DNS_TXT, str_from(room, 66 * 128), arena, &r), ERR_LIMIT);
	struct arena *small = arena_new("small", 64);
	check_err("memory", dns_rdata_parse(DNS_TXT, str_from(room, 64 * 128), small, &r), ERR_MEMORY);
	arena_free(&small);
}

static void sort_test(void **state)
{
	struct dns_record all[] = {
		{ .preference = 20, .name = S("a") },
		{ .preference = 10, .name = S("b") },
		{ .preference = 10, .name = S("a") },
		{ .preference = 20, .name = S("a") },
		{ .preference = 10, .name = S("b") },
	};
	(void)state;
	assert_int_equal(dns_records_sort(all, COUNT(all)), 3);
	check_str("first", all[0].name, S("a"));
	check_str("second", all[1].name, S("b"));
	assert_int_equal(all[2].preference, 20);
	assert_int_equal(dns_records_sort(all, 0), 0);
}

static void type_test(void **state)
{
	(void)state;
	assert_string_equal(dns_type_name(DNS_TLSA), "TLSA");
	assert_null(dns_type_name(255));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_test),
		cmocka_unit_test(bad_test),
		cmocka_unit_test(limits_test),
		cmocka_unit_test(sort_test),
		cmocka_unit_test(type_test),
	};
	return cmocka_run_group_tests(tests, start, end);
}
