/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

#include "base/buf.h"
#include "trust/mx.h"

static uint64_t chance_state;
static uint64_t chance(uint64_t below)
{
	chance_state = chance_state * 6364136223846793005 + 1442695040888963407;
	return (chance_state >> 33) % below;
}

static const str own[] = { { "mail.us.test", 12 }, { "mx2.us.test", 11 } };

/* clang-format off */
static const struct { const char *name; struct mx_host in[6]; size_t count; enum mx_verdict want; const char *order; } cases[] = {
	{ "one",              { { 10, S("a.test") } },                                        1, MX_USABLE, "a.test" },
	{ "by preference",    { { 30, S("c.test") }, { 10, S("a.test") }, { 20, S("b.test") } }, 3, MX_USABLE, "a.test b.test c.test" },
	{ "null MX",          { { 0, S("") } },                                               1, MX_NULL, "" },
	{ "null MX, written", { { 0, S(".") } },                                              1, MX_NULL, "" },
	{ "null MX of another preference", { { 10, S(".") } },                                1, MX_NULL, "" },
	{ "a dot among others", { { 0, S(".") }, { 10, S("a.test") } },                       2, MX_USABLE, "a.test" },
	{ "only dots",        { { 0, S("") }, { 10, S(".") } },                               2, MX_NONE, "" },
	{ "none",             { { 0, S("") } },                                               0, MX_NONE, "" },
	{ "an IPv4 address",  { { 0, S("192.0.2.1") }, { 10, S("a.test") } },                 2, MX_USABLE, "a.test" },
	{ "an IPv6 address",  { { 0, S("2001:db8::1") } },                                    1, MX_NONE, "" },
	{ "a dot at the end", { { 10, S("a.test.") } },                                       1, MX_USABLE, "a.test" },
	{ "twice",            { { 10, S("a.test") }, { 20, S("A.test.") } },                  2, MX_USABLE, "a.test" },
	{ "we are the best",  { { 10, S("mail.us.test") }, { 20, S("b.test") } },             2, MX_LOOP, "" },
	{ "we are alone",     { { 10, S("MAIL.us.test.") } },                                 1, MX_LOOP, "" },
	{ "we are second",    { { 20, S("mx2.us.test") }, { 10, S("a.test") }, { 20, S("b.test") }, { 30, S("c.test") } }, 4, MX_USABLE, "a.test" },
	{ "we stand there twice", { { 20, S("mx2.us.test") }, { 10, S("mail.us.test") }, { 5, S("a.test") }, { 15, S("b.test") } }, 4, MX_USABLE, "a.test" },
};
/* clang-format on */

static void test_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mx_host hosts[6];
		size_t count = cases[i].count;
		char room[200];
		struct buf text = BUF_ON(room);
		memcpy(hosts, cases[i].in, sizeof hosts);
		enum mx_verdict v = mx_order(hosts, &count, own, COUNT(own), chance);
		if (v != cases[i].want)
			fail_msg("%s: got verdict %d, want %d", cases[i].name, (int)v, (int)cases[i].want);
		for (size_t k = 0; k < count; k++) {
			buf_add(&text, k > 0 ? S(" ") : S(""));
			buf_add(&text, hosts[k].host);
		}
		check_str(cases[i].name, buf_str(&text), str_of(cases[i].order));
	}
}

/* Hosts of one preference get about the same share of first places. */
static void test_spread(void **state)
{
	unsigned first[3] = { 0 };
	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct mx_host hosts[] = { { 10, S("a.test") }, { 10, S("b.test") }, { 10, S("c.test") },
			{ 20, S("d.test") } };
		size_t count = COUNT(hosts);
		mx_order(hosts, &count, own, COUNT(own), chance);
		assert_int_equal(count, 4);
		assert_true(hosts[0].host.p[0] < 'd');
		assert_int_equal(hosts[3].host.p[0], 'd');
		first[hosts[0].host.p[0] - 'a']++;
	}
	for (int i = 0; i < 3; i++)
		if (first[i] < 800 || first[i] > 1200)
			fail_msg("host %d was first %u times of 3000", i, first[i]);
}

static void test_long_list(void **state)
{
	static char names[100][16];
	struct mx_host hosts[100];
	size_t count = COUNT(hosts);
	(void)state;
	for (unsigned i = 0; i < COUNT(hosts); i++) {
		snprintf(names[i], sizeof names[i], "h%u.test", i);
		hosts[i] = (struct mx_host){ (uint16_t)(1000 - i), str_of(names[i]) };
	}
	assert_int_equal(mx_order(hosts, &count, own, COUNT(own), chance), MX_USABLE);
	assert_int_equal(count, MX_HOSTS_MAX);
	check_str("best", hosts[0].host, S("h99.test"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_spread),
		cmocka_unit_test(test_long_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
